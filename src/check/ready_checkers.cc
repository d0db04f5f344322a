// SPDX-License-Identifier: Apache-2.0
#include "check/ready_checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "check/fsck_checker.h"
#include "check/mount_checker.h"

namespace powercut::check {
namespace {

using Step = FsckPlan::Step;

const Step kNothingToFind{{"e2fsck", "-fn"}};

// Whether `e2fsck -fy` has recovered the journal, as journal_only does, and found nothing then that -fn calls an
// error. Sums in the superblock are none: the kernel leaves them behind, and whoever mounts it adds up the groups.
// Whatever else it may say, in this version or another, is for the two steps to judge.
bool e2fsck_found_nothing(std::string_view output) {
  static constexpr std::array<std::string_view, 5> kPasses{
      "Pass 1: Checking inodes, blocks, and sizes", "Pass 2: Checking directory structure",
      "Pass 3: Checking directory connectivity", "Pass 4: Checking reference counts",
      "Pass 5: Checking group summary information"};
  std::size_t passes = 0;
  while (!output.empty()) {
    const std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(line.size() + 1, output.size()));
    if (passes < kPasses.size() && line == kPasses[passes]) {
      ++passes;
      continue;
    }
    const bool is_of_recovery =
        line.ends_with(": recovering journal") || line.starts_with("Clearing orphaned inode ");
    const bool is_sum = line.starts_with("Free blocks count wrong (") ||
                        line.starts_with("Free inodes count wrong (") || line == "Fix? yes";
    const bool is_of_end = line.ends_with(": ***** FILE SYSTEM WAS MODIFIED *****") ||
                           (line.find(" files (") != line.npos && line.ends_with(" blocks"));
    const bool is_known = line.empty() || line.starts_with("e2fsck 1.") ||
                          (passes == 0 && is_of_recovery) ||
                          (passes == kPasses.size() && (is_sum || is_of_end));
    if (!is_known) return false;
  }
  return passes == kPasses.size();
}

// Where the journal is damaged, or the group descriptors are, journal_only goes on to check all and, with -y, to
// repair it. It may have to be told to recover a journal of which the superblock does not know yet.
bool e2fsck_repaired_nothing(std::string_view output) {
  constexpr std::string_view kYes = "? yes";
  for (auto at = output.find(kYes); at != output.npos; at = output.find(kYes, at + 1)) {
    if (!output.substr(0, at).ends_with("Run journal anyway")) return false;
  }
  return true;
}

std::unique_ptr<Checker> make_journalling_ext(const std::string& name) {
  const Step recovery{{"e2fsck", "-y", "-E", "journal_only"}, {0, 1}, e2fsck_repaired_nothing};
  // Starting e2fsck costs as much as all that it does on a small device.
  const Step both{{"e2fsck", "-fy"}, {0, 1}, e2fsck_found_nothing};
  return make_fsck_checker({name, "e2fsprogs", {recovery, kNothingToFind}, both});
}
std::unique_ptr<Checker> make_ext2() {
  // Without a journal there is always something to put right, which a boot does (status 1) unless
  // it needs a human.
  return make_fsck_checker({"ext2", "e2fsprogs", {{{"e2fsck", "-p"}, {0, 1}}, kNothingToFind}, {}});
}
std::unique_ptr<Checker> make_ext3() {
  return make_journalling_ext("ext3");
}
std::unique_ptr<Checker> make_ext4() {
  return make_journalling_ext("ext4");
}
std::unique_ptr<Checker> make_xfs() {
  MountPlan plan;
  plan.file_system = plan.description = "xfs";
  plan.afterwards = {"xfs_repair", "-n"};
  plan.afterwards_package = "xfsprogs";
  return make_mount_checker(std::move(plan));
}
std::unique_ptr<Checker> make_btrfs() {
  MountPlan plan;
  plan.file_system = plan.description = "btrfs";
  plan.afterwards = {"btrfs", "check", "--readonly"};
  plan.afterwards_package = "btrfs-progs";
  return make_mount_checker(std::move(plan));
}
std::unique_ptr<Checker> make_vfat() {
  // Without a journal, too: a mount sets the dirty bit, of which -n would complain in each state.
  return make_fsck_checker(
      {"vfat", "dosfstools", {{{"fsck.vfat", "-a"}, {0, 1}}, {{"fsck.vfat", "-n"}}}, {}});
}
std::unique_ptr<Checker> make_f2fs() {
  // Only with both is the status another one where something is found, and nothing written: without -f there
  // are questions, without --dry-run repairs.
  return make_fsck_checker({"f2fs", "f2fs-tools", {{{"fsck.f2fs", "-f", "--dry-run"}}}, {}});
}

struct ReadyChecker {
  const char* file_system;
  std::unique_ptr<Checker> (*make)();
};
constexpr std::array<ReadyChecker, 7> kReady{{{"ext2", make_ext2},
                                              {"ext3", make_ext3},
                                              {"ext4", make_ext4},
                                              {"xfs", make_xfs},
                                              {"btrfs", make_btrfs},
                                              {"vfat", make_vfat},
                                              {"f2fs", make_f2fs}}};

}  // namespace

std::vector<std::string> ready_file_systems() {
  std::vector<std::string> names;
  names.reserve(kReady.size());
  for (const auto& ready : kReady) names.emplace_back(ready.file_system);
  return names;
}

Result<std::unique_ptr<Checker>> make_file_system_checker(const std::string& file_system) {
  const auto* found = std::find_if(kReady.begin(), kReady.end(), [&](const ReadyChecker& ready) {
    return ready.file_system == file_system;
  });
  if (found != kReady.end()) return found->make();
  return usage_error(fmt::format(
      "there is no ready checker for '{}'; use --check, or --mount with --check", file_system));
}

}  // namespace powercut::check
