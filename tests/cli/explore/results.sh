# SPDX-License-Identifier: Apache-2.0
# needs: fuse
make_log run.log write:0:AB flush mark:one write:1:X write:2:C:2 mark:two
{
  expect 0 powercut explore run.log --check 'head -c 1 {} | grep -q A'
  expect 1 powercut explore run.log --at all --check 'head -c 1 {} | grep -q A'
  expect 1 powercut explore run.log --at fua --check 'kill -ABRT $$'
  expect 1 powercut explore run.log --at start --check 'sleep 60' --timeout 1
  expect 1 powercut explore run.log --at every:100 --check true
  expect 1 powercut explore run.log --at all --check false --max-failures 2 --keep kept --json found.jsonl
} >out 2>&1
grep -c '^no state was checked' out
grep -c 'was killed by signal 6' out
grep -c 'did not end in time' out
grep -c 'stopped at the limit of failures' out
ls kept | wc -l
expect 1 powercut explore run.log --at 5,mark --jobs 1 --json - --check \
  'echo "$POWERCUT_STATE $POWERCUT_ENTRY $POWERCUT_MARK"; cat "$POWERCUT_MARKS"; false' >found.jsonl 2>out
grep -o '"output":.*"reproduce"' found.jsonl
