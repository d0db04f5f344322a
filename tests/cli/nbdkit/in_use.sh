# SPDX-License-Identifier: Apache-2.0
# A second recorder, or a QEMU, on the same image or log.
# needs: nbdkit qemu-io
truncate -s 1M disk.img other.img
plugin=$BUILD/lib/nbdkit/plugins/nbdkit-logwrites-plugin.so
nbdkit -f -U one.sock -P one.pid "$plugin" file=disk.img log=x.log &
until [ -s one.pid ]; do sleep 0.05; done
expect 1 logwrites file=disk.img log=y.log
expect 1 logwrites file=other.img log=x.log log-append=on
expect 1 qemu-io -f raw -c 'write 0 512' disk.img
expect 4 powercut repair x.log
# Readers are welcome.
powercut info x.log | head -1
kill "$(cat one.pid)"
wait
qemu-io -f raw -c 'sleep 60000' other.img &
until grep -q ":$(stat -c %i other.img) " /proc/locks; do sleep 0.05; done
expect 1 logwrites file=other.img log=y.log
kill $!
wait || true
