# SPDX-License-Identifier: Apache-2.0
# needs: fuse
make_log run.log write:0:AB flush mark:one write:1:X write:2:C:2 mark:two
# The log's instants, each for itself.
instants=(--model prefix --prune off)
{
  expect 0 powercut explore run.log "${instants[@]}" --check 'head -c 1 {} | grep -q A'
  expect 1 powercut explore run.log "${instants[@]}" --at all --check 'head -c 1 {} | grep -q A'
  expect 1 powercut explore run.log "${instants[@]}" --at fua --check 'kill -ABRT $$'
  expect 1 powercut explore run.log "${instants[@]}" --at start --check 'sleep 60' --timeout 1
  expect 1 powercut explore run.log --at every:100 --check true
  expect 1 powercut explore run.log "${instants[@]}" --at all --check false --max-failures 2 --keep kept --json found.jsonl
} >out 2>&1
grep -c '^no state was checked' out
grep -c '^FAIL .*was killed by signal 6' out
grep -c '^FAIL .*did not end in time' out
grep -c '^stopped.*max-failures' out
ls kept | wc -l
expect 1 powercut explore run.log "${instants[@]}" --at 5,mark --jobs 1 --json - --check \
  'echo "$POWERCUT_STATE $POWERCUT_ENTRY $POWERCUT_MARK"; cat "$POWERCUT_MARKS"; false' >found.jsonl 2>out
grep -o '"output":.*"reproduce"' found.jsonl

# Gone on with: nothing is checked twice, and the end is that of a run that was not stopped.
verdicts() { grep '"type":"state"' "$1" | grep -o '"state":"[^"]*"\|"outcome":"[^"]*"' | paste - - | sort; }
check='head -c 1 {} | grep -q A'
expect 1 powercut explore run.log --at all --check "$check" --json whole.jsonl >out
expect 1 powercut explore run.log --at all --check "$check" --json part.jsonl --max-states 4 >out
verdicts part.jsonl | wc -l
echo -n '{"type":"sta' >>part.jsonl
expect 1 powercut explore run.log --at all --check "$check" --json part.jsonl --resume >out
verdicts whole.jsonl >whole
verdicts part.jsonl >part
cmp whole part
grep -c '"type":"summary"' part.jsonl
expect 2 powercut explore run.log --at all --check "$check" --json part.jsonl --seed 4 --resume >out 2>err
grep -o 'cannot be gone on with: .*' err

# A failure is shown again by its name alone.
again=$(grep -m 1 -o '"reproduce":.*' whole.jsonl | python3 -c 'import json, sys; print(json.loads("{" + sys.stdin.read().strip()[:-1] + "}")["reproduce"])')
expect 1 sh -c "$again" >out
grep -c '^1 state checked' out
