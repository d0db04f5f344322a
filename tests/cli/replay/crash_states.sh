# SPDX-License-Identifier: Apache-2.0
# To crash states and back, with what DEST.powercut says of them.
make_log x.log write:0:AAAA flush write:0:BB write:1:CC:2 discard:3:1 write:4:D mark:m flush write:0:E
show() { tr '\0' . <x.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo; }
to() {
  powercut replay x.log x.img --size 2560 --to "$@"
  show
}
to epoch:4:lost:2
grep -E '"at"|version' x.img.powercut
# From one to another, by its canonical name, after a look at what is there.
to epoch:4:kept:2.4 --check
to epoch:2:torn:2:1
to epoch:4:lost:2:discard:stale
expect 0 powercut replay x.log x.img --to epoch:8:discard:stale --json
show
to mark:m
to entry:4:discard:stale
to 3
to epoch:9
# Written by somebody else: seen by the stamp, and in the place of it.
printf z | dd of=x.img bs=1 seek=700 conv=notrunc status=none
stamp() { # of x.img, in its state file
  python3 - <<'END'
import json, os
state = json.load(open("x.img.powercut"))
state["image"]["modified_ns"] = os.stat("x.img").st_mtime_ns
json.dump(state, open("x.img.powercut", "w"))
END
}
to epoch:4:lost:2.4
stamp
to epoch:4:lost:2
printf z | dd of=x.img bs=1 seek=700 conv=notrunc status=none
stamp
expect 1 powercut replay x.log x.img --to 3 --check
expect 2 powercut replay x.log x.img --to 3 --from 4
to 3
# Broken off on the way to one.
python3 - <<'END'
import json
state = json.load(open("x.img.powercut"))
del state["at"], state["image"]
state.update(to="epoch:4:lost:2", between=[2, 6])
json.dump(state, open("x.img.powercut", "w"))
END
printf junk | dd of=x.img bs=1 seek=512 conv=notrunc status=none
to epoch:4:lost:4
# Compared, without a DEST.
expect 0 powercut replay x.log --to epoch:4:lost:4 --compare x.img
expect 1 powercut replay x.log --to epoch:4:lost:4-5 --compare x.img
expect 1 powercut replay x.log --to epoch:4:lost:2 --compare x.img
expect 1 powercut replay x.log --to epoch:4:lost:2 --compare x.img --json
# What there is not; no file is left behind.
expect 2 powercut replay x.log y.img --to epoch:4:lost:3
expect 2 powercut replay x.log y.img --to exact:4
expect 2 powercut replay x.log y.img --to epoch:99
expect 2 powercut replay x.log y.img --to epoch:4:lots:3
expect 2 powercut replay x.log x.img --from epoch:4:lost:2
expect 2 powercut replay x.log x.img --to epoch:4:lost:2 --no-discard
ls
