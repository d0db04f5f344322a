# SPDX-License-Identifier: Apache-2.0
# A word that is no command or option: the nearest one is named.
expect 2 powercut inof
expect 2 powercut --versoin
expect 2 powercut
expect 2 powercut zzzzzzzz
