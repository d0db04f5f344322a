# SPDX-License-Identifier: Apache-2.0
# That nobody reads any longer is no error.
powercut --help | true
powercut --help | head -1
