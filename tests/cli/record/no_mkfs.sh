# SPDX-License-Identifier: Apache-2.0
# needs: root fuse loop
expect 4 powercut record --log x.log --fs nosuchfs --size 64M -- true
truncate -s 1M disk.img
expect 4 powercut record --log y.log --fs xfs --file disk.img -- true 2>messages
grep -c '' messages | sed 's/^[1-9][0-9]*$/there is a message/'
losetup -j disk.img
