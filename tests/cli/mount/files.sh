# SPDX-License-Identifier: Apache-2.0
# needs: fuse fusermount3
make_log x.log write:0:ABCD mark:one flush write:1:x mark:two discard:2:1 mark:one mark:a/b mark: flush
powercut mount x.log m --size 2K >ready 2>&1 &
until mountpoint -q m; do sleep 0.02; done
until grep -q mounted ready; do sleep 0.02; done
cat ready
ls m m/marks m/flushes m/entries m/states
cat m/info.json
# One character for each sector.
sectors() { for i in 0 1 2 3; do tail -c +$((512 * i + 1)) "$1" | head -c 1 | tr '\0' .; done; echo "  $1"; }
for file in m/entries/{0,1,4,10} m/marks/{one,one#2,two,a%2Fb,%} m/flushes/{1,2} \
  m/states/{start,end,6,entry:6,flush:1,mark:two,mark:one#2,mark:a%2Fb} \
  m/states/epoch:6{,:lost:3,:kept:3,:kept:5,:kept:3.5}; do sectors "$file"; done
for file in m/entries/{11,04,x} m/marks/{one#3,three,a%2fb} m/flushes/{0,3} m/states/{entry:11,mark:x,x,epoch:11,epoch:6:lost:x} m/x; do
  test ! -e "$file"
done
# What is written is this file's own, until it is removed.
printf z | dd of=m/entries/4 bs=1 seek=1024 conv=notrunc status=none
sectors m/entries/4
sectors m/states/4
rm m/entries/4
sectors m/entries/4
# Two ids of one state are one file.
printf w | dd of=m/states/epoch:6:lost:3 bs=1 conv=notrunc status=none
sectors m/states/epoch:6:kept:5
rm m/states/epoch:6:lost:3
sectors m/states/epoch:6:kept:5
printf y | dd of=m/marks/two bs=1 conv=notrunc status=none
expect 1 dd if=/dev/zero of=m/entries/4 status=none
expect 1 rm m/info.json
expect 1 touch m/entries/new
fusermount3 -u m
wait $!
tail -n +2 ready
ls
