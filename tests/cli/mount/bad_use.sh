# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:ABCD mark:one flush
make_log empty.log
mkdir full
touch full/x
truncate -s 1M large.img
expect 2 powercut mount
expect 2 powercut mount x.log
expect 2 powercut mount x.log m n
expect 2 powercut mount x.log m --size 0
expect 2 powercut mount x.log m --bse large.img
expect 3 powercut mount absent.log m
expect 3 powercut mount large.img m
expect 3 powercut mount empty.log m
expect 3 powercut mount x.log x.log
expect 3 powercut mount x.log full
expect 3 powercut mount x.log absent/m
expect 3 powercut mount x.log m --base absent.img
expect 3 powercut mount x.log m --size 4K --base large.img
expect 3 powercut mount x.log m --size 1K
# None of these has made or mounted anything, but for the index.
ls
