# SPDX-License-Identifier: Apache-2.0
make_findings good.jsonl
expect 0 powercut report good.jsonl
echo ---
make_findings bad.jsonl --failed 2
expect 1 powercut report bad.jsonl
echo ---
make_findings killed.jsonl --killed
expect 1 powercut report killed.jsonl
echo ---
make_findings none.jsonl --states 0
expect 1 powercut report - <none.jsonl
