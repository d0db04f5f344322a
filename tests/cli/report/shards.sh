# SPDX-License-Identifier: Apache-2.0
make_findings 1.jsonl --shard 1/3 --failed 1
make_findings 2.jsonl --shard 2/3 --failed 2
make_findings 3.jsonl --shard 3/3
expect 1 powercut report 3.jsonl 1.jsonl 2.jsonl
echo ---
expect 1 powercut report 3.jsonl | sed -n '/^note/p;$p'
expect 1 powercut report 1.jsonl 3.jsonl | sed -n '/^note/p;$p'
# All in one stream are the same as three files, and what came of it can be read again.
expect 1 powercut report --format json 1.jsonl 2.jsonl 3.jsonl >merged.jsonl
cat 1.jsonl 2.jsonl 3.jsonl | expect 1 powercut report --format json - | cmp - merged.jsonl
expect 1 powercut report --format json merged.jsonl | cmp - merged.jsonl
grep -c '"type":"state"' merged.jsonl
make_findings 1.jsonl --shard 1/2
make_findings 2.jsonl --shard 2/2
expect 0 powercut report 1.jsonl 2.jsonl | tail -n 1
expect 3 powercut report 1.jsonl 1.jsonl
expect 3 powercut report 1.jsonl 3.jsonl
make_findings 2.jsonl --shard 2/2 --model epoch
expect 3 powercut report 1.jsonl 2.jsonl
