# SPDX-License-Identifier: Apache-2.0
# needs: root loop losetup
# LOG and DEST as block devices, DEST with larger blocks than the log's sectors.
golden raw-512
attach() { losetup --show -f "$@"; }
log=$(attach -r raw-512.log)
trap 'losetup -d "$log"' EXIT
powercut replay "$log" a.img --size 64M | sed "s#$log#LOG#"
truncate -s 64M disk
for size in 512 4096; do
  head -c 64M /dev/urandom >disk
  # Everything that the log does not write has to be zero.
  fallocate -p -o 0 -l 64M disk
  dest=$(attach -b "$size" disk)
  status=0
  powercut replay raw-512.log "$dest" --compare a.img | sed "s#$dest#DEST#" || status=$?
  losetup -d "$dest"
  [ "$status" -eq 0 ]
  cmp disk a.img
done
# One that is in use is refused.
mkfs.ext4 -q disk
mkdir mnt
dest=$(attach disk)
mount "$dest" mnt
status=0
powercut replay raw-512.log "$dest" 2>err || status=$?
umount mnt
losetup -d "$dest"
sed "s#$dest#DEST#" err
echo "status $status"
