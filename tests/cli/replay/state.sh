# SPDX-License-Identifier: Apache-2.0
# When the state file is believed, and when not.
make_log x.log write:0:AB write:1:C write:2:D
make_log other.log write:0:XY write:1:Z write:2:W
show() { tr '\0' . <x.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo; }
powercut replay x.log x.img --to 2
expect 2 powercut replay x.log x.img --from 1
expect 2 powercut replay x.log x.img --no-discard --to 1 --from 2
powercut replay x.log x.img --from 2
# Of another log.
powercut replay other.log x.img --to 1
show
powercut replay other.log x.img
show
# One that was broken off, between entry:1 and entry:3: anything may be where they wrote.
moving() { # FILE TO BETWEEN
  python3 - "$@" <<'END'
import json, sys
state = json.load(open(sys.argv[1]))
del state["at"], state["image"]
state.update(to=sys.argv[2], between=json.loads(sys.argv[3]))
json.dump(state, open(sys.argv[1], "w"))
END
}
moving x.img.powercut entry:3 '[1, 3]'
printf '%01024d' 0 | dd of=x.img bs=1 seek=512 conv=notrunc status=none
expect 2 powercut replay other.log x.img --from 1
expect 2 powercut replay other.log x.img --check
powercut replay other.log x.img --to 2
show
grep -c '"at": "entry:2"' x.img.powercut
# The whole of it was being written.
moving x.img.powercut entry:2 null
head -c 1536 /dev/zero | tr '\0' '?' >junk
dd if=junk of=x.img conv=notrunc status=none
powercut replay other.log x.img --to 2
show
# Written by somebody else.
touch -d 2001-01-01 x.img
powercut replay other.log x.img --to 3
# The log has become shorter.
make_log other.log write:0:XY
powercut replay other.log x.img
# Not a state file at all; nothing is touched.
powercut replay x.log x.img --no-state
echo '{"state": "at"}' >x.img.powercut
sum=$(sha256sum <x.img)
expect 3 powercut replay x.log x.img --to 1
[ "$sum" = "$(sha256sum <x.img)" ]
# Leaving discards out gives no instant.
rm x.img.powercut
powercut replay x.log x.img
powercut replay x.log x.img --no-discard
test ! -e x.img.powercut
# Broken off on the way to entries that cannot be read (any more).
make_log torn.log --count 9 write:0:AB write:1:C
powercut replay torn.log t.img --to 1 --size 4K
moving t.img.powercut entry:9 '[1, 9]'
printf junk | dd of=t.img bs=1 seek=3000 conv=notrunc status=none
powercut replay torn.log t.img --to 2
tr '\0' . <t.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
