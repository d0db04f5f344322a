# SPDX-License-Identifier: Apache-2.0
# needs: fuse
expect 0 powercut record --log a.log --raw --size 1M -- true
expect 7 powercut record --log b.log --raw --size 1M -- sh -c 'exit 7'
expect 143 powercut record --log c.log --raw --size 1M -- sh -c 'kill -TERM $$'
for log in a b c; do powercut verify $log.log; done | grep whole
