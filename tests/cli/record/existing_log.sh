# SPDX-License-Identifier: Apache-2.0
# What is there is never lost.
# needs: fuse
truncate -s 1M disk.img
powercut record --log x.log --raw --file disk.img -- sh -c 'printf A | dd of="$POWERCUT_DISK" conv=notrunc,fsync status=none'
cp x.log before.log
expect 4 powercut record --log x.log --raw --file disk.img -- true
cmp x.log before.log
truncate -s 2M other.img
expect 3 powercut record --log x.log --log-append --raw --file other.img -- true
cmp x.log before.log
echo precious >text
expect 4 powercut record --log text --raw --file disk.img -- true
expect 3 powercut record --log text --log-append --raw --file disk.img -- true
cat text
powercut record --log x.log --log-append --raw --file disk.img -- true
powercut verify x.log | head -1
powercut record --log x.log --overwrite --raw --file disk.img -- true
powercut verify x.log | head -1
