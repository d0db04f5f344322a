# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB flush mark:one write:1:X write:2:C:2 mark:two
powercut explore x.log --list --at start,flush,mark
powercut explore x.log --list --at 1 --model prefix --sha256
expect 0 powercut replay x.log one.img --to 1 >replay.out 2>&1
sha256sum <one.img
powercut explore x.log --list --torn off --strategy pairwise,random:9 --seed 7 >a 2>a.counts
powercut explore x.log --list --torn off --strategy pairwise,random:9 --seed 7 >b 2>b.counts
cmp a b
cmp a.counts b.counts
powercut explore x.log --list --at start --max-states 1
expect 2 powercut explore x.log --list --model exact
expect 2 powercut explore x.log --list --check true
expect 2 powercut explore x.log --list --torn 100
expect 2 powercut explore x.log --list --strategy some
expect 2 powercut explore x.log --list --discard dust
expect 2 powercut explore x.log --check true --sha256
expect 2 powercut explore x.log --list --shard 4/3
powercut explore x.log --list --at start --shard 1/2 2>1.counts >1
powercut explore x.log --list --at start --shard 2/2 2>2.counts >2
powercut explore x.log --list --at start 2>/dev/null | sort >all
sort 1 2 | cmp - all
expect 1 powercut explore x.log --list --at every:100
