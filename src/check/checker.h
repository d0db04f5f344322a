// SPDX-License-Identifier: Apache-2.0
// Checkers: given a device, they say whether it is as it should be. What the device is a state of,
// they do not know.
#pragma once

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "check/acknowledgement_history.h"
#include "check/interrupt.h"

namespace powercut::check {

// A device as it is put in front of a checker: a file of its own that the checker may write. The
// path is this check's alone, and consists of characters that need no quotes in a shell.
struct Offer {
  std::string disk_path;
  std::uint32_t sector_size = 512;  // logical, in bytes
  // An existing directory for what the checker has to put somewhere: mount points. This check's
  // alone.
  std::string directory;
  // What else the checker is told ($NAME).
  std::vector<std::pair<std::string, std::string>> environment;

  // What files have been promised; null where nobody wants that compared. The verdict depends on
  // the two places as well as on the device: see AcknowledgementHistory.
  std::shared_ptr<const AcknowledgementHistory> acknowledgements;
  MarkPlace marks_in_front = 0;
  MarkPlace marks_reached = 0;
};

enum class Outcome {
  kPassed,
  kExitStatus,  // code: the status
  kSignal,      // code: the signal
  kTimeout,
  kMount,            // could not be mounted, or not be unmounted; code: an errno
  kAcknowledgement,  // files are not as they have been acknowledged; code: how many
};

struct Verdict {
  Outcome outcome = Outcome::kPassed;
  int code = 0;
  std::string step;         // the part that failed: "e2fsck -fn"
  std::string output;       // of everything that was run, cut in the middle if it is long
  std::string step_output;  // of the failing part alone
  // A shell's way to say that it found no such program, or could not execute it (126, 127).
  bool was_not_run = false;

  [[nodiscard]] bool passed() const { return outcome == Outcome::kPassed; }
};

struct Limits {
  // For the whole of a check.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
  // Of a verdict's output.
  ByteCount max_output_bytes = 256 * kKiB;
  // Of the commands that a shell runs, for each process (setrlimit(2)): address space, in whole KiB, and the
  // size that it may give a file, in whole units of 512 bytes.
  std::optional<ByteCount> memory_bytes;
  std::optional<ByteCount> file_bytes;
};

// check() may be called from many threads at once, each with an offer of its own. Nothing that
// belongs to a check outlives it: no process, no mount, no loop device.
class Checker {
 public:
  virtual ~Checker() = default;
  Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // For people: "ext4", "./check.sh {}".
  [[nodiscard]] virtual std::string description() const = 0;

  // Before the first check: that all is there which will be needed. An error here (kUsage or
  // kEnvironment) is about the checker, not about a state.
  [[nodiscard]] virtual Status prepare() = 0;

  // How many checks may go on at once.
  [[nodiscard]] virtual unsigned max_jobs() const { return std::numeric_limits<unsigned>::max(); }

  // All but the device that decides on a verdict, as far as the checker knows: for remembering
  // verdicts from one exploration to the next.
  [[nodiscard]] virtual std::string identity() const { return description(); }

  // Whether what an offer tells of marks can make a difference to the verdict.
  [[nodiscard]] virtual bool sees_marks() const { return true; }

  // Nothing if it was interrupted. An error means that no verdict could be reached.
  [[nodiscard]] virtual Result<std::optional<Verdict>> check(const Offer& offer,
                                                             const Limits& limits,
                                                             const Interrupt& interrupt) = 0;

  // That all it does is to run programs which look at the disk's file: it mounts nothing, and makes no files.
  [[nodiscard]] virtual bool touches_only_the_disk() const { return false; }

  // Whether there is a cheaper way to the verdict on some devices.
  [[nodiscard]] virtual bool has_shortcut() const { return false; }
  // That check() would pass; nothing where only check() can tell, or if it was interrupted. What it leaves of the
  // device is not for check(), which wants it as it was at first.
  [[nodiscard]] virtual Result<std::optional<Verdict>> take_shortcut(const Offer&, const Limits&,
                                                                     const Interrupt&) {
    return std::optional<Verdict>();
  }
};

// One checker behind the other on the same device, up to the first that fails.
[[nodiscard]] std::unique_ptr<Checker> make_sequence(
    std::vector<std::unique_ptr<Checker>> checkers);

}  // namespace powercut::check
