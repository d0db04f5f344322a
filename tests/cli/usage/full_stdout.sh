# SPDX-License-Identifier: Apache-2.0
expect 4 powercut --help >/dev/full
