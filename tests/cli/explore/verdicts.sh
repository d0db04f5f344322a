# SPDX-License-Identifier: Apache-2.0
# A failing check is exit status 1, and so is that nothing was checked.
# needs: fuse
make_log x.log write:0:AB flush write:1:Z flush mark:end
steady() { sed 's/[0-9.]* m*s\b/N s/; s/([0-9.]*\/s)/(N\/s)/'; }
second='head -c 513 {} | tail -c 1'
powercut explore x.log --at flush --jobs 1 --check "$second | grep -q '[BZ]'" | steady
expect 1 powercut explore x.log --at flush --jobs 1 --check "$second | grep -q B" | steady
make_log empty.log write:0:AB
expect 1 powercut explore empty.log --at flush --jobs 1 --check true | steady
