# SPDX-License-Identifier: Apache-2.0
# What the programs in tools/ share; sourced by them. They run from any directory.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 4
logs=$root/build/logs
mkdir -p "$logs"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  red=$'\e[31m' green=$'\e[32m' bold=$'\e[1m' plain=$'\e[0m'
else
  red='' green='' bold='' plain=''
fi

jobs=$(nproc)

# A compiler cache is used where there is one, and not needed.
if [ -z "${CMAKE_CXX_COMPILER_LAUNCHER:-}" ] && command -v ccache >/dev/null; then
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# phase NAME FUNCTION [ARG...]: runs it with its output in build/logs/NAME.log and shows one line. What
# the function leaves in `note` stands on that line. On failure the end of the log is shown.
phase() {
  local name=$1 began=$SECONDS log status=0
  shift
  log=$logs/${name//[^a-zA-Z0-9]/-}.log
  note=
  printf '  %-24s' "$name"
  "$@" >"$log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    printf '%sok%s     %7s  %s\n' "$green" "$plain" "$(clock $((SECONDS - began)))" "$note"
    return 0
  fi
  printf '%sFAILED%s %7s  %s\n' "$red" "$plain" "$(clock $((SECONDS - began)))" "$note"
  echo
  show_failure "$log" | sed 's/^/    /'
  printf '\n    All of it: %s\n\n' "${log#"$root"/}"
  return $status
}

# The lines of a log that say what went wrong, else its end.
show_failure() {
  local summary
  summary=$(grep -nE '(^| )(error|FAILED|fatal error):|: Failure$|^FAILED: |tests failed out of|\*\*\*(Failed|Timeout|Exception)|SUMMARY: ' "$1" | head -40)
  [ -z "$summary" ] || printf '%s\n\n' "$summary"
  tail -n 40 "$1"
}

# packages SECTION...: the names in these sections of tools/packages.
packages() {
  local section
  for section in "$@"; do
    awk -v wanted="[$section]" '/^#/ || /^$/ {next} /^\[/ {inside = ($0 == wanted); next} inside' tools/packages
  done
}

missing_packages() {
  local name
  for name in $(packages "$@"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# install_packages SECTION...: with apt-get, only what is missing.
install_packages() {
  local -a missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    note="nothing is missing"
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    echo "error: these packages are missing, and there is no apt-get to install them: ${missing[*]}"
    return 4
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "error: not root, and these packages are missing. As root: apt-get install ${missing[*]}"
      return 4
    fi
    as_root=(sudo DEBIAN_FRONTEND=noninteractive)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update || return 4
  "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" || return 4
  note="installed ${#missing[@]}"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  cmake --preset "$preset" || return
  if [ $# -gt 0 ]; then set -- --target "$@"; fi
  cmake --build --preset "$preset" --parallel "$jobs" "$@"
}

# Every shell script that git knows.
check_scripts() {
  git ls-files | xargs grep -lE '^#!/(usr/)?bin/(env )?(ba)?sh' -- | xargs shellcheck
}
