// SPDX-License-Identifier: Apache-2.0
// Shell scripts, with the path as $1: what they do is what anybody could do by hand, and
// docs/checkers.md shows how.
#include "check/application_checkers.h"

#include <fmt/format.h>
#include <glob.h>

#include <filesystem>

#include "check/check_run.h"
#include "check/shell.h"

namespace powercut::check {
namespace {

// For both: a link in the state may lead anywhere, and the machine's own files are not meant.
constexpr const char* kInside = R"sh(
set -eu
inside() {
  case $(realpath -m -- "$1") in
    "$(realpath -- "$POWERCUT_MNT")"/*) ;;
    *) echo "'$1' is a link to '$(readlink -f -- "$1")', which is not on the disk"; exit 1 ;;
  esac
}
)sh";

// sqlite3 would make a database where there is none. Opening one recovers it.
constexpr const char* kSqlite = R"sh(
database=$POWERCUT_MNT/$1
inside "$database"
if ! [ -f "$database" ]; then echo "there is no database '$1'"; exit 1; fi
found=$(sqlite3 -batch -init /dev/null "$database" 'PRAGMA integrity_check' 2>&1) && [ "$found" = ok ] && exit 0
echo "$found"
exit 1
)sh";

// The server refuses to be root, so it is the owner of its data. The process that postmaster.pid names is one of
// the recorded machine. Debian keeps the settings elsewhere: then the defaults do. fsync stays as it is: with
// --nested the power is cut again while this server recovers.
constexpr const char* kPostgresql = R"sh(
export LC_ALL=C
data=$POWERCUT_MNT/$1 run=$TMPDIR/run
for path in "$data" "$data/pg_wal" "$data"/pg_tblspc/*; do inside "$path"; done
if ! [ -f "$data/PG_VERSION" ]; then echo "there is no cluster '$1'"; exit 1; fi
bin=/usr/lib/postgresql/$(cat "$data/PG_VERSION")/bin
if ! [ -x "$bin/pg_amcheck" ]; then echo "there is no $bin/pg_amcheck: install that PostgreSQL, 14 or later"; exit 127; fi
owner=$(stat -c %u "$data") group=$(stat -c %g "$data")
as_owner() { setpriv --reuid="$owner" --regid="$group" --clear-groups "$@"; }
name=${PGUSER:-$(id -un -- "$owner")} || exit 127
mkdir -m 700 "$run"
echo 'local all all trust' > "$run/access"
: > "$run/users"
settings=$data/postgresql.conf
if ! [ -f "$settings" ]; then settings=$run/settings; : > "$settings"; fi
chown -R "$owner:$group" "$run"
if ! as_owner test -x "$run"; then echo "user $name may not go to $run: set TMPDIR"; exit 127; fi
rm -f "$data/postmaster.pid"
cd /
options="-k $run"
for setting in config_file="$settings" data_directory="$data" hba_file="$run/access" ident_file="$run/users" port=5432 \
    listen_addresses= ssl=off archive_mode=off log_destination=stderr logging_collector=off \
    external_pid_file= dynamic_shared_memory_type=sysv; do
  options="$options -c $setting"
done
if ! as_owner "$bin/pg_ctl" start -w -t 1000000 -D "$data" -l "$run/messages" -o "$options" > "$run/start" 2>&1; then
  cat "$run/start" "$run/messages"
  echo 'PostgreSQL does not start'
  exit 1
fi
as_owner "$bin/pg_amcheck" --host="$run" --port=5432 --username="$name" --all --install-missing --heapallindexed
as_owner "$bin/pg_ctl" stop -w -m fast -D "$data" > "$run/stop"
if as_owner "$bin/pg_controldata" -D "$data" | grep -q '^Data page checksum version: *[1-9]'; then
  as_owner "$bin/pg_checksums" --check -D "$data" > "$run/checksums" || { cat "$run/checksums"; exit 1; }
fi
)sh";

std::vector<std::string> files(const char* pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern, GLOB_BRACE, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

MountedCommand script(const std::string& what, const char* text, const std::string& path) {
  return {.step = what,
          .command = fmt::format("exec /bin/sh -c {} sh {}",
                                 shell_quoted(std::string(kInside) + text), shell_quoted(path)),
          .is_users = false};
}

Result<MountedCommand> make_sqlite(const std::string& what, const std::string& path) {
  MountedCommand command = script(what, kSqlite, path);
  command.programs = {POWERCUT_TRY(find_program("sqlite3", "sqlite3"))};
  return command;
}

Result<MountedCommand> make_postgresql(const std::string& what, const std::string& path) {
  // pg_ctl and the server's settings have ways of their own with blanks and quotes.
  if (shell_quoted(path) != path) {
    return usage_error(fmt::format("a cluster's path may not need quotes in a shell: '{}'", path));
  }
  MountedCommand command = script(what, kPostgresql, path);
  command.programs = files("/usr/lib/postgresql/*/bin/{pg_amcheck,postgres}");
  if (files("/usr/lib/postgresql/*/bin/pg_amcheck").empty()) {
    return environment_error("no pg_amcheck in /usr/lib/postgresql/*/bin; install postgresql",
                             ENOENT);
  }
  return command;
}

// Relative to the root.
Result<std::string> path_below_root(const std::string& what, const std::string& path) {
  const std::filesystem::path normal =
      std::filesystem::path("/" + path).lexically_normal().relative_path();
  if (normal.empty()) return usage_error(fmt::format("--app '{}' names no file", what));
  return normal.string();
}

}  // namespace

Result<MountedCommand> make_application_command(const std::string& what) {
  const std::size_t colon = what.find(':');
  const std::string kind = what.substr(0, colon);
  if (colon == std::string::npos || (kind != "sqlite" && kind != "postgresql")) {
    return usage_error(fmt::format("--app is sqlite:PATH or postgresql:PATH, not '{}'", what));
  }
  const std::string path = POWERCUT_TRY(path_below_root(what, what.substr(colon + 1)));
  return kind == "sqlite" ? make_sqlite(what, path) : make_postgresql(what, path);
}

}  // namespace powercut::check
