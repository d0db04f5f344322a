# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:ABCD flush write:1:E discard:2:1
powercut replay x.log a.img
powercut replay x.log b.img --compare a.img
powercut replay x.log --compare a.img
powercut replay x.log --compare a.img --json
# Differences: in what was written, what was discarded, and where nothing was written.
truncate -s 4096 a.img
powercut replay x.log --compare a.img
printf x | dd of=a.img bs=1 seek=700 conv=notrunc status=none
printf y | dd of=a.img bs=1 seek=1024 conv=notrunc status=none
printf z | dd of=a.img bs=1 seek=4095 conv=notrunc status=none
expect 1 powercut replay x.log --compare a.img
expect 1 powercut replay x.log --compare a.img --json
expect 1 powercut replay x.log --compare a.img --size 8192
# Only what was replayed counts as having written.
expect 1 powercut replay x.log --compare a.img --to 2
expect 1 powercut replay x.log b.img --from 3 --no-discard --compare a.img
