# SPDX-License-Identifier: Apache-2.0
# A recovery that raises a counter by one as long as a journal says so: cut in between, it raises it twice.
# needs: fuse
make_log x.log write:0:5 flush write:8:J flush
cat >recover <<'END'
counter=$(head -c 1 "$1")
if [ "$(tail -c +4097 "$1" | head -c 1)" = J ]; then
  counter=$((counter + 1))
  printf %s "$counter" | dd of="$1" conv=notrunc,fsync status=none
  printf . | dd of="$1" bs=512 seek=8 conv=notrunc,fsync status=none
fi
echo "the counter is $counter"
[ "$counter" -le 6 ]
END
steady() { sed 's/[0-9.]* m*s\b/N s/; s/([0-9.]*\/s)/(N\/s)/; s/~exact:[0-9a-z:.-]*/~exact:TICK/'; }
powercut explore x.log --at end --jobs 1 --check 'sh recover {}' | steady
expect 1 powercut explore x.log --at end --jobs 1 --check 'sh recover {}' --nested | steady
