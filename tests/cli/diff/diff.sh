# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AAAA mark:one flush write:1:BB:2 write:2:AA mark:two discard:3:1 write:6:CD flush write:6:CD
expect 1 powercut diff x.log start end
expect 1 powercut diff x.log mark:two mark:one
expect 1 powercut diff x.log mark:two mark:one --json
# The same content is no difference, unless all that was written is asked for.
expect 0 powercut diff x.log 8 end
expect 0 powercut diff x.log 8 end --json
expect 1 powercut diff x.log 8 end --writes
expect 1 powercut diff x.log mark:one mark:two --writes --entries 1
expect 1 powercut diff x.log mark:one mark:two --writes --entries 0 --json
expect 0 powercut diff x.log 5 5 --writes
# The initial content counts.
head -c 4096 /dev/zero | tr '\0' A >base.img
expect 0 powercut diff x.log 1 start --base base.img --size 4096
expect 0 powercut diff x.log mark:one start --base base.img --size 4096
expect 1 powercut diff x.log 6 end --base base.img
# Rewritten again and again between two flushes of a file system.
golden ext4-discard
expect 1 powercut diff ext4-discard.log flush:19 flush:20 --index none | tail -4
expect 1 powercut diff ext4-discard.log flush:20 flush:19 --json --index none | tail -1
