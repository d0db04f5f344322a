# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB flush mark:dm-log-writes-end
powercut verify x.log
powercut verify x.log --json
powercut repair x.log
