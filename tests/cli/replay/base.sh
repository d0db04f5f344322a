# SPDX-License-Identifier: Apache-2.0
# What the device held before the first entry comes from --base.
make_log x.log write:1:A write:2:B discard:1:1
show() { tr '\0' . <x.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo; }
head -c 2048 /dev/zero | tr '\0' i >base.img
powercut replay x.log x.img --base base.img --to 2
show
powercut replay x.log x.img --to 1
show
powercut replay x.log x.img
show
powercut replay x.log x.img --to start --base ./base.img
cmp x.img base.img
# Another base is another device.
head -c 2048 /dev/zero | tr '\0' j >other.img
powercut replay x.log x.img --to 1 --base other.img
show
# A copy of the base that was replayed onto goes back to it.
cp base.img copy.img
powercut replay x.log copy.img --no-state
powercut replay x.log copy.img --from end --to start --base base.img
cmp copy.img base.img
expect 2 powercut replay x.log z.img --base base.img --no-discard
expect 3 powercut replay x.log z.img --base absent.img
