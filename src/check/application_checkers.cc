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

// sqlite3 would make a database where there is none. Opening one recovers it.
constexpr const char* kSqlite = R"sh(
cd "$POWERCUT_MNT"
if ! [ -f "$1" ]; then echo "there is no database '$1'"; exit 1; fi
found=$(sqlite3 -batch -init /dev/null "./$1" 'PRAGMA integrity_check' 2>&1) && [ "$found" = ok ] && exit 0
echo "$found"
exit 1
)sh";

// The server refuses to be root, so it is the owner of its data, for whom the state is mounted where he may go:
// in a mount namespace of the script's own. The process that postmaster.pid names is one of the recorded machine.
// Nothing that this server writes has to survive. Debian keeps the settings elsewhere: then the defaults do.
constexpr const char* kPostgresql = R"sh(
set -eu
mount -t tmpfs -o mode=0711 powercut-postgresql /mnt
mkdir /mnt/state /mnt/run
mount --bind "$POWERCUT_MNT" /mnt/state
data=/mnt/state/$1 run=/mnt/run
if ! [ -f "$data/PG_VERSION" ]; then echo "there is no cluster '$1'"; exit 1; fi
version=$(cat "$data/PG_VERSION")
bin=/usr/lib/postgresql/$version/bin
if ! [ -x "$bin/pg_amcheck" ]; then echo "there is no PostgreSQL $version: install postgresql-$version"; exit 127; fi
rm -f "$data/postmaster.pid"
settings=$data/postgresql.conf
if ! [ -f "$settings" ]; then settings=$run/settings; : > "$settings"; fi
echo 'local all all trust' > "$run/access"
: > "$run/users"
chown -R "$(stat -c %u:%g "$data")" "$run"
chmod 700 "$run"
as_owner() { setpriv --reuid="$(stat -c %u "$data")" --regid="$(stat -c %g "$data")" --clear-groups "$@"; }
cd /
options="-k $run -c config_file=$settings -c hba_file=$run/access -c ident_file=$run/users"
for setting in listen_addresses= fsync=off ssl=off archive_mode=off logging_collector=off external_pid_file= \
    dynamic_shared_memory_type=sysv; do
  options="$options -c $setting"
done
if ! as_owner "$bin/pg_ctl" start -w -t 1000000 -D "$data" -l "$run/messages" -o "$options" > "$run/start" 2>&1; then
  echo 'PostgreSQL does not start:'
  cat "$run/start" "$run/messages"
  exit 1
fi
as_owner "$bin/pg_amcheck" --host="$run" --all --install-missing --heapallindexed
as_owner "$bin/pg_ctl" stop -w -m fast -D "$data" > "$run/stop"
if as_owner "$bin/pg_controldata" -D "$data" | grep -q '^Data page checksum version: *[1-9]'; then
  as_owner "$bin/pg_checksums" --check -D "$data" > "$run/checksums" || { cat "$run/checksums"; exit 1; }
fi
)sh";

bool has_files(const char* pattern) {
  glob_t found{};
  const bool result = ::glob(pattern, 0, nullptr, &found) == 0;
  ::globfree(&found);
  return result;
}

MountedCommand script(const std::string& what, const char* text, const std::string& path) {
  return {what,
          fmt::format("exec /bin/sh -c {} sh {}", shell_quoted(text), shell_quoted(path)),
          /*is_users=*/false};
}

Result<MountedCommand> make_sqlite(const std::string& what, const std::string& path) {
  POWERCUT_TRY(find_program("sqlite3", "sqlite3"));
  return script(what, kSqlite, path);
}

Result<MountedCommand> make_postgresql(const std::string& what, const std::string& path) {
  // pg_ctl and the server's settings have ways of their own with blanks and quotes.
  if (shell_quoted(path) != path) {
    return usage_error(fmt::format("a cluster's path may not need quotes in a shell: '{}'", path));
  }
  if (!has_files("/usr/lib/postgresql/*/bin/pg_amcheck")) {
    return environment_error("no PostgreSQL in /usr/lib/postgresql; install postgresql", ENOENT);
  }
  MountedCommand command = script(what, kPostgresql, path);
  command.command = "exec unshare --mount --propagation private " +
                    command.command.substr(std::string_view("exec ").size());
  return command;
}

// Relative to the root, and below it.
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
    return usage_error(
        fmt::format("--app is sqlite:PATH or postgresql:PATH, not '{}'", what));
  }
  const std::string path = POWERCUT_TRY(path_below_root(what, what.substr(colon + 1)));
  return kind == "sqlite" ? make_sqlite(what, path) : make_postgresql(what, path);
}

}  // namespace powercut::check
