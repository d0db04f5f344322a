# SPDX-License-Identifier: Apache-2.0
# Helpers for the cases; sourced by run.py in front of each.
# shellcheck shell=bash

# expect STATUS COMMAND...: runs it; ends the case if its exit status is another.
expect() {
  expected=$1
  shift
  status=0
  "$@" || status=$?
  if [ "$status" -ne "$expected" ]; then
    echo "expected exit status $expected, got $status: $*"
    exit 99
  fi
}

# golden NAME: unpacks a golden log to NAME.log here.
golden() { zstd -q -d -f -o "$1.log" "$GOLDEN/$1.log.zst"; }

# make_log LOG [OPTION...] ENTRY...: see make_log.py.
make_log() { python3 "$CLI/make_log.py" "$@"; }

# logwrites PARAMETER...: nbdkit with the plugin, for one request of $REQUEST (as qemu-io has it; a flush unless
# set), then it ends. Its status is nbdkit's, or qemu-io's.
logwrites() {
  nbdkit -U - "$BUILD/lib/nbdkit/plugins/nbdkit-logwrites-plugin.so" "$@" \
    --run "qemu-io -f raw -c '${REQUEST:-flush}' \"\$uri\" >/dev/null"
}

# make_findings FILE [OPTION...]: see make_findings.py.
make_findings() { python3 "$CLI/make_findings.py" "$@"; }
