# SPDX-License-Identifier: Apache-2.0
make_log stale.log --count 1 write:0:AB flush
expect 1 powercut verify stale.log
expect 1 powercut verify stale.log --json
make_log torn.log write:0:AB write:4:CD
truncate -s -1 torn.log
expect 1 powercut verify torn.log
make_log corrupt.log write:0:AB raw:0:0:64 flush
expect 1 powercut verify corrupt.log
make_log x.log write:0:AB write:100:C write:200:D write:300:E
expect 1 powercut verify x.log --device-size 64K --max-findings 1
powercut verify x.log --device-size 1M
expect 2 powercut verify x.log --device-size 1Q
head -c 4096 /dev/zero >zeroes
expect 3 powercut verify zeroes
