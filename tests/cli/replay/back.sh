# SPDX-License-Identifier: Apache-2.0
# Forwards and back on one image, by what its state file says.
make_log x.log write:0:ABCD mark:one write:1:EE discard:3:1 mark:two write:5:F
show() { tr '\0' . <x.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo; }
powercut replay x.log x.img --to mark:one --size 4K
show
powercut replay x.log x.img
show
powercut replay x.log x.img --to mark:two
show
powercut replay x.log x.img --to 3 --check
show
powercut replay x.log x.img --to start --json
show
# The index that was made on the way back serves forwards as well.
ls
powercut replay x.log x.img --to end
show
# Somebody else writes the image, where it matters and where not.
printf z | dd of=x.img bs=1 seek=3500 conv=notrunc status=none
touch -d 2001-01-01 x.img
powercut replay x.log x.img --to mark:two --from end --check
show
printf z | dd of=x.img bs=1 seek=700 conv=notrunc status=none
touch -d 2001-01-02 x.img
expect 1 powercut replay x.log x.img --to mark:one --from mark:two --check
expect 1 powercut replay x.log x.img --to mark:one --from mark:two --check --json
show
powercut replay x.log x.img --to mark:two
# Without a state file, and with one elsewhere.
powercut replay x.log x.img --to mark:one --no-state --from mark:two
test ! -e x.img.powercut
powercut replay x.log x.img --from mark:one --state y.state
powercut replay x.log x.img --state y.state --to 1
show
# A golden log, there and back.
golden ext4-discard
powercut replay ext4-discard.log e.img --to flush:20 --size 64M
sha256sum <e.img >at-20
powercut replay ext4-discard.log e.img
sha256sum <e.img
powercut replay ext4-discard.log e.img --to flush:7
powercut replay ext4-discard.log e.img --to flush:20
sha256sum <e.img | cmp - at-20
