// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdlib>

#include "apps/cli/acknowledgement.h"
#include "apps/cli/commands.h"
#include "apps/cli/control_path.h"
#include "apps/support/output.h"
#include "record/control.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

std::string mount_point() {
  const char* path = std::getenv("POWERCUT_MNT");
  return path != nullptr ? path : "";
}

// The text of what is said about a file; nothing if nothing is.
Result<std::optional<std::string>> file_mark(const Arguments& arguments) {
  if (arguments.given("file")) return content_mark(arguments.text("file"), mount_point());
  if (arguments.given("removed")) return removal_mark(arguments.text("removed"), mount_point());
  if (arguments.given("changing")) {
    return change_mark(arguments.text("changing"), mount_point(), arguments.is_set("in-place"));
  }
  return std::optional<std::string>();
}

// A text that was made here is not the user's to shorten, but the path in it is.
Status require_room(const std::string& control, const std::string& text) {
  const std::size_t room = POWERCUT_TRY(record::request_status(control)).max_mark_bytes;
  if (text.size() <= room) return {};
  return usage_error(
      fmt::format("the mark '{}' takes {} bytes and a mark of this log holds {}; give the file a "
                  "shorter path, or record with larger sectors (--sector-size 4096)",
                  text, text.size(), room));
}

Result<int> run_mark(const Arguments& arguments) {
  const auto file_text = POWERCUT_TRY(file_mark(arguments));
  if (arguments.given("NAME") == file_text.has_value()) {
    return usage_error("mark wants either a NAME, or --file, --changing or --removed with a PATH");
  }
  if (arguments.is_set("in-place") && !arguments.given("changing")) {
    return usage_error("--in-place goes with --changing");
  }
  const std::string control = POWERCUT_TRY(control_path(arguments));
  if (file_text) POWERCUT_TRY_STATUS(require_room(control, *file_text));
  const std::string text = file_text ? *file_text : arguments.text("NAME");
  const std::string answer = POWERCUT_TRY(record::control_request(control, "mark " + text));
  if (arguments.is_set("json")) Output::standard().print("{}\n", answer);
  return 0;
}

}  // namespace

const flags::Command& mark_command() {
  static const flags::Command command = {
      .name = "mark",
      .summary = "put a mark into the log of a running recorder",
      .description =
          {"The mark stands in the log behind every request that has completed, and is durable "
           "when the command ends. The instant mark:NAME is the device as it was then.",
           "With --file it is an acknowledgement mark: it carries the file's path (relative to "
           "$POWERCUT_MNT if the file is below it), its size and the SHA-256 of its content, as "
           "compact JSON. It says that from here on the file must survive a power cut. The file is "
           "read, not synced: sync it first, by the means whose promise is being tested.",
           "powercut explore --acks compares the files of each crash state with what has been "
           "acknowledged. A file must be as it was acknowledged last, or, if another "
           "acknowledgement of it follows, as that says. --changing, put before a change is begun, "
           "says more exactly when: in front of it there is only the old."},
      .positionals = {{.name = "NAME", .help = "The mark's text.", .required = false}},
      .flags = {{.name = "file",
                 .value_name = "PATH",
                 .help = "Acknowledge this file with the content that it has now.",
                 .excludes = {"changing", "removed"}},
                {.name = "removed",
                 .value_name = "PATH",
                 .help = "Acknowledge that there is no such file any more.",
                 .excludes = {"changing"}},
                {.name = "changing",
                 .value_name = "PATH",
                 .help = "Announce that this file is about to be made, replaced or removed. Until "
                         "it is acknowledged again it may be as before or as acknowledged then."},
                {.name = "in-place",
                 .help = "With --changing: the file itself is going to be written. Until it is "
                         "acknowledged again it may be anything.",
                 .kind = Kind::kBool},
                control_flag(),
                {.name = "json",
                 .help = "Print the recorder's answer: {\"ok\":true,\"entry\":N}.",
                 .kind = Kind::kBool}},
      .examples =
          {{"A workload that acknowledges a file once it is durable:",
            "sync data.db && powercut mark --file data.db"},
           {"One that replaces it:",
            "powercut mark --changing data.db &&\n"
            "    sync new.db && mv new.db data.db && sync . && powercut mark --file data.db"},
           {"One that removes it:",
            "powercut mark --changing data.db &&\n"
            "    rm data.db && sync . && powercut mark --removed data.db"}},
      .see_also = {"powercut-record(1)", "powercut-explore(1)", "powercut-status(1)"},
      .run = run_mark};
  return command;
}

}  // namespace powercut::apps
