# SPDX-License-Identifier: Apache-2.0
# A machine without FUSE: a /dev of its own that lacks it.
# needs: root unshare
truncate -s 1M disk.img
mkdir dev
cat >without_fuse <<'SH'
mount -t tmpfs none dev
for name in null zero urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mount --bind dev /dev
exec "$@"
SH
expect 4 "$CLI/../support/unshared" sh without_fuse powercut record --log x.log --raw --file disk.img -- true
expect 4 "$CLI/../support/unshared" sh without_fuse powercut record --log y.log --fs ext4 --size 64M -- true
