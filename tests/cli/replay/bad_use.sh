# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB mark:one flush mark:two mark:two
powercut replay x.log x.img
expect 2 powercut replay x.log
expect 2 powercut replay x.log x.log
expect 2 powercut replay x.log x.img --compare x.img
expect 2 powercut replay x.log y.img --to mark:tow
expect 2 powercut replay x.log y.img --to mark:two#3
expect 2 powercut replay x.log y.img --to flush:2
expect 2 powercut replay x.log y.img --to 6
expect 2 powercut replay x.log y.img --to sometime
expect 2 powercut replay x.log y.img --from 2
expect 2 powercut replay x.log x.img --from mark:one --to start
expect 2 powercut replay x.log x.img --state a.state --no-state
expect 2 powercut replay x.log x.img --no-discard --check
expect 2 powercut replay x.log x.img --jobs 0
expect 2 powercut replay x.log x.img --two 3
expect 3 powercut replay absent.log x.img
expect 3 powercut replay x.img y.img
expect 3 powercut replay x.log absent/x.img
expect 3 powercut replay x.log x.img --compare absent.img
# None of these made anything.
ls
# A torn log: what is whole can be had.
make_log torn.log --count 9 write:0:AB flush
expect 3 powercut replay torn.log t.img --size 4K
powercut replay torn.log t.img --to 2
# The log says what the device's size is; another is refused.
make_log empty.log
expect 3 powercut replay empty.log e.img
powercut replay empty.log e.img --size 4K
