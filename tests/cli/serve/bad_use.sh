# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB mark:one
echo "not a log" >junk
expect 2 powercut serve x.log
expect 2 powercut serve x.log --nbd s --tcp 10809
expect 2 powercut serve x.log --tcp lots
expect 2 powercut serve x.log --tcp 0.0.0.0:
expect 2 powercut serve x.log --ndb s
expect 3 powercut serve absent.log --nbd s
expect 3 powercut serve junk --nbd s
expect 3 powercut serve x.log --base absent.img --nbd s
expect 3 powercut serve x.log --size 512 --nbd s
expect 4 powercut serve x.log --nbd junk
cat junk
ls
plugin=$BUILD/lib/nbdkit/plugins/nbdkit-powercut-plugin.so
expect 1 nbdkit -U - "$plugin" --run true
expect 1 nbdkit -U - "$plugin" x.log default=mark:two --run true
