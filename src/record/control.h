// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "record/recording_device.h"

namespace powercut::record {

// The recorder's control socket: a Unix stream socket of mode 0600. A client sends one line and
// gets one line of JSON; a connection may carry many. Requests:
//   mark TEXT    {"ok":true,"entry":N}
//   status       {"ok":true, ... RecorderStatus ...}
//   flush        {"ok":true}
// and on error {"ok":false,"error":"...","errno":N}. A line is at most kMaxControlLine bytes.
// Malformed, oversized, half-sent and idle clients are answered or dropped; they never hinder
// recording: each has a thread of its own, of which there are at most kMaxControlClients. One more
// takes the place of the one that has been silent longest.
inline constexpr std::size_t kMaxControlLine = 64 * 1024;
inline constexpr std::size_t kMaxControlClients = 32;

struct ControlOptions {
  // How long a client may take from the first byte of a line to its end, and to take its answer.
  std::chrono::milliseconds line_patience{10'000};
};

class ControlServer {
 public:
  // Makes the socket at `path` (an existing socket that nobody listens on is replaced; anything
  // else there is EEXIST, a recorder that listens there EADDRINUSE) and serves it until it is
  // destroyed, which removes it.
  // `device` outlives the server.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> start(const std::string& path,
                                                                    RecordingDevice& device,
                                                                    ControlOptions options = {});
  virtual ~ControlServer() = default;
};

// One answer for one line, without the newline: what the server does, for tests and fuzzing.
[[nodiscard]] std::string answer_control_line(RecordingDevice& device, std::string_view line);

// Sends one line to a recorder's socket and gives its line of JSON; an {"ok":false} becomes an
// error, kUsage if it is EINVAL.
[[nodiscard]] Result<std::string> control_request(const std::string& path, std::string_view line);
// Asks for the status. What the answer does not have, or has of another type, is 0, "" or false: a
// recorder of another version may have answered.
[[nodiscard]] Result<RecorderStatus> request_status(const std::string& path);

}  // namespace powercut::record
