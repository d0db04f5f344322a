# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AAAA flush write:0:BB write:1:CC:2 discard:3:1 write:4:D mark:m flush write:0:E
diff() { powercut diff x.log --size 3K "$@"; }
blame() { powercut blame x.log --size 3K "$@"; }
# What an instant has and a crash state has not.
expect 1 diff 6 epoch:4:lost:2.5
expect 1 diff 6 epoch:4:lost:2.5 --json
expect 0 diff 6 epoch:4
# Between two states; what was lost in both is not spoken of.
expect 1 diff epoch:4:lost:2.5 epoch:4:lost:2.4
expect 1 diff epoch:4:lost:2 epoch:4:torn:2:0 --json
# Entry 3 hides that unit.
expect 0 diff epoch:4 epoch:4:torn:2:0
# Of two cuts.
expect 1 diff epoch:1:lost:0 epoch:2:kept:2 --entries 1
# By what became of discards alone.
expect 1 diff epoch:4 epoch:4:discard:stale
expect 1 diff 8 entry:8:discard:stale
expect 1 diff epoch:4:discard:random:1 epoch:4:discard:random:2
expect 2 diff epoch:4 6 --writes
expect 2 diff epoch:4 epoch:4:lost:3
blame 0,3K --at epoch:4:torn:2:0:discard:stale
blame 0,1K --at epoch:4:lost:2.4
blame 2K --at epoch:4:lost:5
blame 0,1K --at epoch:4:torn:2:0 --json
expect 2 blame 0 --at epoch:4:lost:9
