# SPDX-License-Identifier: Apache-2.0
make_findings good.jsonl
echo before >report.txt
echo garbage >garbage.jsonl
expect 3 powercut report garbage.jsonl --output report.txt 2>/dev/null
cat report.txt
expect 0 powercut report good.jsonl --output report.txt
powercut report good.jsonl -o - | cmp - report.txt
ls
# What cannot be replaced is written to.
expect 0 powercut report good.jsonl --output /dev/null
test -c /dev/null
expect 0 powercut report good.jsonl --output /dev/stdout | cmp - report.txt
