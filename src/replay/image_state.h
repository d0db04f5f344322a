// SPDX-License-Identifier: Apache-2.0
// What is known of an image that a log has been replayed onto, kept in a small file beside it, so that
// the next replay can go on from there, forwards or back. As long as an image is being taken from one
// instant or crash state to another the file says so: a replay that was broken off is seen, and finished.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/posix_file.h"
#include "log/entry.h"
#include "replay/jump.h"

namespace powercut::replay {

// By which a log is told from others; it stays while the log grows.
struct LogIdentity {
  std::optional<log::Uuid> uuid;
  // Of a log without: a hash of samples of so many of its bytes from its first entry on.
  ByteCount spanned_bytes = 0;
  std::uint64_t hash = 0;

  friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};
// With `like`, which was taken of a log that may have grown since, of as many bytes.
[[nodiscard]] Result<LogIdentity> identity_of(const File& log, const log::SuperBlock& super_block,
                                              const LogIdentity* like = nullptr);

// By which it is noticed that somebody else has written an image. A block device has a size only.
struct ImageStamp {
  ByteCount size_bytes = 0;
  std::uint64_t inode = 0;
  std::uint64_t modified_ns = 0;
  friend bool operator==(const ImageStamp&, const ImageStamp&) = default;
};
[[nodiscard]] Result<ImageStamp> stamp_of(const PosixFile& image);

// An instant or crash state of a log.
struct Place {
  std::string name;  // state::Moment::name; "": somewhere in between
  Position position;
};

struct ImageState {
  std::string log_path;  // for people
  LogIdentity log;
  std::string base_path;  // where the initial content came from; "": it was zeroes
  // The instant or crash state that it holds, or is on its way to: state::Moment::name.
  std::string name;
  bool has_arrived = false;
  // Nothing: it is being written as a whole.
  std::optional<Position> position;
  ImageStamp image;  // when it had arrived

  friend bool operator==(const ImageState&, const ImageState&) = default;
};

// What stands in the file.
[[nodiscard]] std::string to_text(const ImageState& state);
// Nothing if it is none of these.
[[nodiscard]] std::optional<ImageState> parse_image_state(std::string_view text);

// Nothing if there is no such file. Errors: it cannot be read; it is none of these (kBadInput).
[[nodiscard]] Result<std::optional<ImageState>> read_image_state(const std::string& path);
// By rename; durable when it returns.
[[nodiscard]] Status write_image_state(const std::string& path, const ImageState& state);

}  // namespace powercut::replay
