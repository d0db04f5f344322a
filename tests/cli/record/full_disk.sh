# SPDX-License-Identifier: Apache-2.0
# The log's file system is full: the workload gets an error, and so does whoever started it; the log is whole.
# needs: root fuse
mkdir small
mount -t tmpfs -o size=256k none small
trap 'umount small' EXIT
expect 4 powercut record --log small/x.log --raw --size 1M -- \
  sh -c 'dd if=/dev/zero of="$POWERCUT_DISK" bs=4k oflag=direct conv=notrunc 2>&1 | grep -o "No space left on device\|Input/output error"; exit 0' 2>messages
sed 's/entry [0-9]*/entry N/; s/byte [0-9]*/byte N/; s/.*entries in/N entries in/' messages | LC_ALL=C sort -u
powercut verify small/x.log | head -1
