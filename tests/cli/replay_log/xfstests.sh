# SPDX-License-Identifier: Apache-2.0
# needs: root loop losetup blkdiscard
# As xfstests' scripts call it: log and target are block devices; a mark becomes an entry number by way of the
# text in front of the @; the log is walked from FUA to FUA, replaying up to each anew.
golden raw-512
log=$(losetup --show -r -f raw-512.log)
truncate -s 64M disk
target=$(losetup --show -f disk)
trap 'losetup -d "$log" "$target"' EXIT

replay-log --log "$log" --find --end-mark last-sector
replay-log --log "$log" --replay "$target" --end-mark last-sector
sha256sum <"$target"
expect 1 replay-log --log "$log" --find --end-mark absent

start=$(replay-log --find --log "$log" --end-mark raw04 2>/dev/null | cut -f1 -d@)
echo "mark raw04 has entry number $start"
from=$start
for _ in 1 2 3; do
  fua=$(replay-log --find --log "$log" --next-fua --start-entry "$from" 2>/dev/null | cut -f1 -d@)
  echo "next fua is entry number $fua"
  blkdiscard -z "$target"
  replay-log -vv --log "$log" --replay "$target" --limit $((fua + 1)) | tail -n 1
  powercut replay raw-512.log --compare "$target" --to $((fua + 1)) --size 64M | tail -n 1 | sed "s#$target#TARGET#"
  from=$((fua + 1))
done
