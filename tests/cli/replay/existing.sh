# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB discard:1:1 write:3:C
# Made at the least size that will do, or at the given one.
powercut replay x.log made.img
stat -c '%n %s' made.img
powercut replay x.log sized.img --size 1M
stat -c '%n %s' sized.img
# Larger: what lies behind is left.
head -c 8192 /dev/zero | tr '\0' z >larger.img
powercut replay x.log larger.img --size 2048
tr '\0' . <larger.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
# Smaller: refused, and left alone.
head -c 1024 /dev/zero | tr '\0' z >smaller.img
expect 3 powercut replay x.log smaller.img --size 2048
expect 3 powercut replay x.log smaller.img
tr '\0' . <smaller.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
expect 3 powercut replay x.log absent.img --size 1K
expect 1 test -e absent.img
powercut replay x.log kept.img --no-discard
tr '\0' . <kept.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
