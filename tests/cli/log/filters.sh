# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB flush mark:one write:8:C:2 discard:4:4 write:5:D:16 raw:3:0:19 mark:two flush
all='powercut log x.log'
$all
echo "-- kinds"
$all --kind fua
$all --kind flush --kind mark
$all --kind metadata
echo "-- entries"
$all --entries 1..2
$all --entries ..0
$all --entries 8..
$all --entries 3
echo "-- sectors"
$all --sectors 1
$all --sectors 6..8
echo "-- marks"
$all --mark two
$all --from mark:one --to mark:two --kind write
$all --to start
$all --from flush:1 --to 5
