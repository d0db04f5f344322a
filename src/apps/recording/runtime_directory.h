// SPDX-License-Identifier: Apache-2.0
// Where a recorder keeps what must not outlive it, so that the next one can clean up after one that
// was killed.
//
//   BASE/run-XXXXXX/   one recorder's; BASE is $POWERCUT_RUNTIME_DIR, else /run/powercut for root,
//                      $XDG_RUNTIME_DIR/powercut or $TMPDIR/powercut-UID for others
//     lock             locked (flock) as long as the recorder lives
//     outside.json     what else has to go: what the recorder put elsewhere
//     disk, mnt        FUSE file and mount point
//     control          the control socket
//
// Mounts below it, loop devices over its disk, and processes with POWERCUT_RUN=.../run-XXXXXX in
// their environment belong to the recorder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "serve/mount.h"

namespace powercut::apps {

// What a recorder has put elsewhere; absolute paths.
struct OutsideTraces {
  std::string fuse_path;  // a mount of FUSE; empty: none
  std::vector<std::string> sockets;
  std::vector<std::string> files;  // made by the recorder for itself
};

class RuntimeDirectory {
 public:
  // Cleans up behind dead recorders of this user, and tells of it; then makes a directory.
  [[nodiscard]] static Result<std::unique_ptr<RuntimeDirectory>> make(const serve::Notice& notice);
  // Removes it, unless something is still mounted there.
  ~RuntimeDirectory();
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const;
  // "POWERCUT_RUN"
  [[nodiscard]] static std::string variable_name();
  // To be put down before they are made.
  [[nodiscard]] Status write_down(const OutsideTraces& traces) const;

 private:
  RuntimeDirectory(std::string path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string path_;
  const UniqueFd lock_;
};

}  // namespace powercut::apps
