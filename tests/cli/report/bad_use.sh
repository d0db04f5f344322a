# SPDX-License-Identifier: Apache-2.0
make_findings good.jsonl
expect 2 powercut report
expect 2 powercut report good.jsonl --format pdf
expect 2 powercut report good.jsonl --suite x
expect 3 powercut report absent.jsonl
expect 3 powercut report .
: >empty.jsonl
expect 3 powercut report empty.jsonl
echo '{"type":"moon"}' >moon.jsonl
expect 3 powercut report moon.jsonl
{ head -n 3 good.jsonl; echo garbage; tail -n 2 good.jsonl; } >middle.jsonl
expect 3 powercut report middle.jsonl
tail -n 1 good.jsonl >headless.jsonl
expect 3 powercut report headless.jsonl
{ head -n 1 good.jsonl; head -c 5000000 /dev/zero | tr '\0' x; } >long.jsonl
expect 3 powercut report long.jsonl
# The place is looked at before the findings are.
expect 4 powercut report absent.jsonl --output absent/report.txt
