# SPDX-License-Identifier: Apache-2.0
# The log's file system is full: the client gets ENOSPC, the log is whole and holds what was acknowledged.
# needs: nbdkit qemu-io root
mkdir small
mount -t tmpfs -o size=64k none small
trap 'umount small' EXIT
truncate -s 1M disk.img
for i in $(seq 0 30); do echo "write -P 1 $((i * 4096)) 4096"; done >requests
nbdkit -U - "$BUILD/lib/nbdkit/plugins/nbdkit-logwrites-plugin.so" file=disk.img log=small/x.log \
  --run 'qemu-io -f raw "$uri" <requests >answers 2>&1 || true' 2>messages
sed 's/logwrites\.[0-9]*: //; s/entry [0-9]*/entry N/; s/byte [0-9]*/byte N/' messages | LC_ALL=C sort -u
grep -o 'write failed.*' answers | sort -u
powercut verify small/x.log | head -1
acknowledged=$(grep -c 'wrote 4096' answers)
recorded=$(powercut log small/x.log --kind write | tail -n +2 | wc -l)
[ "$acknowledged" -gt 2 ] && [ "$recorded" -eq "$acknowledged" ] && echo "all that was acknowledged is there, and nothing else"
