# SPDX-License-Identifier: Apache-2.0
# A log that a QEMU writes is left alone.
# needs: qemu-io
make_log x.log --count 1 write:0:AB flush
qemu-io -f raw -c 'sleep 60000' x.log &
until grep -q ":$(stat -c %i x.log) " /proc/locks; do sleep 0.05; done
expect 4 powercut repair x.log
powercut repair --dry-run x.log
kill $!
wait || true
