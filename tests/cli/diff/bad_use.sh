# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB mark:one
expect 2 powercut diff x.log start
expect 2 powercut diff x.log start mark:two
expect 2 powercut diff x.log start 3
expect 2 powercut diff x.log start end --entries many
expect 3 powercut diff absent.log start end
make_log torn.log --count 9 write:0:AB flush
expect 3 powercut diff torn.log start end
expect 1 powercut diff torn.log start 2
expect 2 powercut blame x.log
expect 2 powercut blame x.log 4K
expect 2 powercut blame x.log 0,0
expect 2 powercut blame x.log 0,x
expect 2 powercut blame x.log -1
expect 2 powercut blame x.log 0 --at mark:two
expect 3 powercut blame absent.log 0
