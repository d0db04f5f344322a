# SPDX-License-Identifier: Apache-2.0
# needs: fuse
truncate -s 1M disk.img
cat >x.log </dev/null
expect 2 powercut record
expect 2 powercut record --log x.log -- true
expect 2 powercut record --log x.log --raw
expect 2 powercut record --log x.log --raw --fs ext4 --size 1M -- true
expect 2 powercut record --log x.log --raw -- true
expect 2 powercut record --log x.log --raw --file disk.img true
expect 2 powercut record --log x.log --raw --file disk.img --lgo-append -- true
expect 2 powercut record --log x.log --raw --file disk.img --log-append --sector-size 512 -- true
expect 2 powercut record --log x.log --raw --file disk.img --sector-size 1000 -- true
expect 2 powercut record --log x.log --raw --file disk.img --log-super-update-interval 0 -- true
expect 2 powercut record --log disk.img --raw --file disk.img -- true
expect 3 powercut record --log absent/x.log --raw --file disk.img -- true
expect 2 powercut record --log x.log --raw --file absent.img -- true
truncate -s 1000 odd.img
expect 3 powercut record --log x.log --raw --file odd.img -- true
expect 4 powercut record --log x.log --raw --file disk.img -- /absent/program
ls
