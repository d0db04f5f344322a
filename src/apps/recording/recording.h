// SPDX-License-Identifier: Apache-2.0
// A recording from its beginning to its end: the device is made, a file system on it if wanted, a
// command is run against it, and whatever happens everything is taken down again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/subprocess.h"
#include "record/open.h"
#include "serve/mount.h"

namespace powercut::apps {

// The marks that a recording puts by itself; docs/marks.md says what holds at each.
inline constexpr const char* kMarkMkfs = "mkfs";
inline constexpr const char* kMarkMounted = "mounted";
inline constexpr const char* kMarkExited = "exited";
inline constexpr const char* kMarkUnmounted = "unmounted";

struct RecordingPlan {
  // `file` may be empty: a temporary image of size_bytes.
  record::RecordingOptions recording;
  std::optional<ByteCount> size_bytes;

  enum class Way {
    kFileSystem,  // on a loop device, mounted
    kRaw,         // a loop device, or the FUSE file where there is no root
    kFuse,        // the FUSE file at fuse_path
    kNbd,         // an NBD export at nbd_socket
  } way = Way::kFileSystem;
  std::string file_system;  // "ext4"
  bool make_file_system = true;
  std::vector<std::string> mkfs_options;
  std::string mount_options;
  std::string fuse_path;
  std::string nbd_socket;

  std::string control;  // socket; empty: a private one
  // Empty, which only kFuse and kNbd allow: serve until a signal comes or the mount is unmounted.
  std::vector<std::string> command;

  // Told of everything that a user should know at once and that is no failure.
  serve::Notice notice;
};

struct RecordingOutcome {
  // What `powercut record` is to exit with: the command's status, 128 + N where signal N ended it
  // or the recording before it was run; 0 without a command.
  int exit_status = 0;
  std::optional<SubprocessResult> command;  // if it was run
  // "1,234 entries in 'run.log' (56.7 MiB): 1,200 writes, ..."
  std::string summary;
};

// Errors: kUsage for a plan that is wrong in itself, else what failed. When the command ran and its
// status was not 0, then that is the outcome, and what went wrong afterwards is told by `notice`.
[[nodiscard]] Result<RecordingOutcome> run_recording(const RecordingPlan& plan);

}  // namespace powercut::apps
