# SPDX-License-Identifier: Apache-2.0
# What is there is never lost: a log, or anything else.
# needs: nbdkit qemu-io
truncate -s 1M disk.img
REQUEST='write 0 512' logwrites file=disk.img log=x.log
cp x.log before.log
expect 1 logwrites file=disk.img log=x.log
echo precious >text
expect 1 logwrites file=disk.img log=text
cat text
expect 1 logwrites file=disk.img log=text log-append=on
cat text
cmp x.log before.log
truncate -s 2M other.img
expect 1 logwrites file=other.img log=x.log log-append=on
expect 1 logwrites file=disk.img log=x.log log-append=on log-extensions=off
cmp x.log before.log
logwrites file=disk.img log=x.log log-append=on
powercut log x.log | awk "{print \$3}"
powercut verify x.log
