// SPDX-License-Identifier: Apache-2.0
// What `explore` and `test` have in common: options, the choice of the checker, the run, its report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/cli/findings_file.h"
#include "apps/flags/arguments.h"
#include "explore/explorer.h"

namespace powercut::apps {

// Headings in --help.
inline constexpr const char* kCutsGroup = "Cuts";
inline constexpr const char* kCheckersGroup = "Checkers";

// An exploration as it was asked for.
struct Exploration {
  explore::Request request;
  std::string file_system;  // with a ready checker, which is run; empty: none
  std::string mount;        // the file system to mount each state as; empty: no mount
  std::string mount_options;
  bool has_command = false;
  std::string command;  // of --check; with `mount` it is run on the mounted state
  bool compares_acknowledgements = false;  // on the mounted state
  explore::ExploreOptions options;
  std::string json;
};

// Which cuts, which command, how to run it, what becomes of the findings. Not among them, but read by
// exploration_from: fs, mount-options.
[[nodiscard]] std::vector<flags::Flag> exploration_flags();
// All but request.log, request.size_bytes and mount. kUsage errors.
[[nodiscard]] Result<Exploration> exploration_from(const flags::Arguments& arguments);
// The environment that checkers get.
[[nodiscard]] flags::Section checker_section();
[[nodiscard]] std::vector<flags::Item> exploration_exit_statuses();

struct ExplorationOutcome {
  findings::Summary summary;
  int exit_status = 0;
};

// An exploration whose checker, output file and directories have been seen to be there, so that nothing of
// this is found missing after hours of work. The log may not be there yet.
class PreparedExploration {
 public:
  [[nodiscard]] static Result<PreparedExploration> make(Exploration exploration);
  // Errors are about anything but states.
  [[nodiscard]] Result<ExplorationOutcome> run();

 private:
  PreparedExploration(Exploration exploration, std::unique_ptr<check::Checker> checker,
                      FindingsFile findings)
      : exploration_(std::move(exploration)),
        checker_(std::move(checker)),
        findings_(std::move(findings)) {}

  Exploration exploration_;
  std::unique_ptr<check::Checker> checker_;
  FindingsFile findings_;
};

}  // namespace powercut::apps
