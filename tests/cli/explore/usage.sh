# SPDX-License-Identifier: Apache-2.0
# All of these end before anything is mounted or run.
make_log run.log write:0:AB flush mark:one write:4:CD
expect 2 powercut explore run.log
expect 2 powercut explore run.log --check ''
expect 2 powercut explore run.log --check 'no-such-checker {}'
expect 2 powercut explore run.log --check 'if true'
expect 2 powercut explore run.log --check true --at sometimes
expect 2 powercut explore run.log --check true --at every:0
expect 2 powercut explore run.log --check true --at mark:two
expect 2 powercut explore run.log --check true --from flush:9
expect 2 powercut explore run.log --check true --model wishful
expect 2 powercut explore run.log --fs minix
expect 2 powercut explore run.log --fs ext4
expect 2 powercut explore run.log --check true --mount-options ro
expect 2 powercut explore run.log --check true --jobs 0
expect 2 powercut explore run.log --check true --shard 0/2
expect 2 powercut explore run.log --check true --prune some
expect 2 powercut explore run.log --check true --prune off --cache runs
expect 2 powercut explore run.log --check true --depth 2
expect 2 powercut explore run.log --check true --at epoch:2~exact:4
expect 2 powercut explore run.log --check true --resume
expect 2 powercut explore run.log --check true --strategy some
expect 2 powercut explore run.log --check true --torn 100
expect 2 powercut explore run.log --check true --model exact
expect 2 powercut explore run.log --check true --at epoch:9
expect 2 powercut explore run.log --check true --at epoch:2:lost:0
expect 2 powercut explore run.log --check true --at epoch:0:lost:0,flush
expect 2 powercut explore run.log --check true --at epoch:0:lost:0 --model prefix
expect 3 powercut explore absent.log --check true
expect 3 powercut explore run.log --check true --size 1K
expect 4 powercut explore run.log --check true --json absent/findings
head -c 4096 /dev/zero >zeroes
expect 3 powercut explore zeroes --check true
expect 2 powercut test --raw --size 1M -- true
expect 2 powercut test --size 1M --check true -- true
expect 2 powercut test --raw --size 1M --check true
expect 2 powercut test --raw --size 1M --check 'no-such-checker {}' -- touch was-run
echo content >image
truncate -s 1M image
expect 2 powercut test --raw --file image --check true -- touch was-run
test ! -e was-run
