# SPDX-License-Identifier: Apache-2.0
# Four endings and what comes before them: each with its place and a hint.
expect 3 powercut log absent.log
expect 3 powercut info .
head -c 4096 /dev/zero >zeroes
expect 3 powercut info zeroes
echo hello >text
expect 3 powercut info text
make_log version.log write:0:A
printf '\002' | dd of=version.log bs=1 seek=8 conv=notrunc status=none
expect 3 powercut info version.log
make_log odd.log write:0:A
printf '\001' | dd of=odd.log bs=1 seek=24 conv=notrunc status=none
expect 3 powercut info odd.log
echo "-- torn"
make_log torn.log write:0:AB write:4:CD
truncate -s -1 torn.log
expect 3 powercut log torn.log
expect 3 powercut info torn.log
echo "-- counts too many"
make_log many.log --count 9 write:0:AB
expect 3 powercut log many.log
echo "-- corrupt"
make_log corrupt.log write:0:AB raw:0:0:64 flush
expect 3 powercut log corrupt.log
make_log huge.log write:0:AB raw:9223372036854775807:9223372036854775807:0
expect 3 powercut log huge.log
echo "-- a closed pipe"
make_log long.log $(seq -f 'mark:m%g' 3000)
powercut log long.log | head -2
