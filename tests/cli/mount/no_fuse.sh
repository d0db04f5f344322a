# SPDX-License-Identifier: Apache-2.0
# A machine without FUSE: a /dev of its own that lacks it.
# needs: root unshare
make_log x.log write:0:ABCD
mkdir dev
cat >without_fuse <<'SH'
mount -t tmpfs none dev
for name in null zero urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mount --bind dev /dev
exec "$@"
SH
expect 4 "$CLI/../support/unshared" sh without_fuse powercut mount x.log m --size 2K
test ! -e m
