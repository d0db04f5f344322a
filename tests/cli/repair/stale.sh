# SPDX-License-Identifier: Apache-2.0
# A count that is too low, and one that is too high.
make_log x.log --count 1 write:0:AB flush mark:m
cp x.log before.log
powercut repair --dry-run x.log
cmp x.log before.log
powercut repair x.log
# Nothing but the count has changed.
cmp x.log before.log | sed 's/.*\(byte 17\).*/\1/' || true
powercut log x.log
powercut repair x.log
make_log torn.log write:0:AB write:4:CD
truncate -s -1 torn.log
powercut repair torn.log --json
powercut verify torn.log
