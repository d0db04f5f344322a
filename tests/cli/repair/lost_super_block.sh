# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB flush mark:m
dd if=/dev/zero of=x.log bs=512 count=1 conv=notrunc status=none
expect 3 powercut repair x.log
powercut repair x.log --sector-size 512
powercut log x.log
head -c 4096 /dev/urandom >noise
expect 3 powercut repair noise --sector-size 512
expect 2 powercut repair x.log --sector-size 16
