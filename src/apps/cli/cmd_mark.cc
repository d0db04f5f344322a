// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
using Json = nlohmann::json;

std::string mount_point() {
  const char* path = std::getenv("POWERCUT_MNT");
  return path != nullptr ? path : "";
}

Result<std::string> file_mark(const std::string& control, const std::string& path) {
  std::string text = POWERCUT_TRY(acknowledgement_mark(path, mount_point()));
  const Json status =
      Json::parse(POWERCUT_TRY(record::control_request(control, "status")), nullptr, false);
  const auto found = status.find("max_mark_bytes");
  const std::size_t room =
      found != status.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
  if (text.size() > room) {
    return usage_error(
        fmt::format("the mark for '{}' takes {} bytes and a mark of this log holds {}; give the "
                    "file a shorter path, or record with larger sectors (--sector-size 4096)",
                    path, text.size(), room));
  }
  return text;
}

Result<int> run_mark(const Arguments& arguments) {
  const bool has_name = arguments.given("NAME");
  if (has_name == arguments.given("file")) {
    return usage_error("mark wants either a NAME or --file PATH");
  }
  const std::string control = POWERCUT_TRY(control_path(arguments));
  const std::string text =
      has_name ? arguments.text("NAME") : POWERCUT_TRY(file_mark(control, arguments.text("file")));
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
           "read, not synced: sync it first, by the means whose promise is being tested."},
      .positionals = {{.name = "NAME", .help = "The mark's text.", .required = false}},
      .flags = {{.name = "file",
                 .value_name = "PATH",
                 .help = "Put an acknowledgement mark for this file.",
                 .kind = Kind::kText},
                control_flag(),
                {.name = "json",
                 .help = "Print the recorder's answer: {\"ok\":true,\"entry\":N}.",
                 .kind = Kind::kBool}},
      .examples = {{"A workload that acknowledges a file once it is durable:",
                    "sync data.db && powercut mark --file data.db"}},
      .see_also = {"powercut-record(1)", "powercut-status(1)"},
      .run = run_mark};
  return command;
}

}  // namespace powercut::apps
