# SPDX-License-Identifier: Apache-2.0
# needs: root fuse setpriv
chmod 755 .
mkdir work
chmod 777 work
cd work
expect 4 setpriv --reuid 65534 --regid 65534 --clear-groups powercut record --log x.log --fs ext4 --size 64M -- true
ls
