# SPDX-License-Identifier: Apache-2.0
# A log that nothing can be written beside has its index elsewhere; --index says where to keep it.
make_log x.log write:0:AB mark:one write:1:C mark:one flush "mark:a#2"
plugin=$BUILD/lib/nbdkit/plugins/nbdkit-powercut-plugin.so
nbdkit -U - "$plugin" x.log index=none --run 'nbdinfo --list "$uri"' | grep -E 'export=|description'
ls
nbdkit -U - "$plugin" x.log index=kept.idx default=mark:one#2 --run 'nbdcopy "$uri" second.img'
powercut replay x.log replayed.img --to mark:one#2
cmp second.img replayed.img && echo same
ls ./*.idx
