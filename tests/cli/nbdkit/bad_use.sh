# SPDX-License-Identifier: Apache-2.0
# needs: nbdkit qemu-io
truncate -s 1M disk.img
expect 1 logwrites
expect 1 logwrites file=disk.img
expect 1 logwrites log=x.log
expect 1 logwrites file=disk.img log=x.log lgo-append=on
expect 1 logwrites file=absent.img log=x.log
expect 1 logwrites file=disk.img log=absent/x.log
expect 1 logwrites file=disk.img log=disk.img
expect 1 logwrites file=disk.img log=x.log log-sector-size=1000
expect 1 logwrites file=disk.img log=x.log log-sector-size=16
expect 1 logwrites file=disk.img log=x.log log-sector-size=33554432
expect 1 logwrites file=disk.img log=x.log log-append=on log-sector-size=512
expect 1 logwrites file=disk.img log=x.log log-super-update-interval=0
expect 1 logwrites file=disk.img log=x.log on-log-error=maybe
truncate -s 1000 odd.img
expect 1 logwrites file=odd.img log=x.log
truncate -s 0 empty.img
expect 1 logwrites file=empty.img log=x.log
