// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "replay/work_queue.h"

namespace powercut::replay {

// What a run of entries does to the device, so that only what none of them writes over later has to
// be carried out. A run ends when it is long and little of it was written over; where much is, it
// goes on with what is left of it, as long as that is not too much. Holds at most kMaxPieces, and
// takes some 150 bytes of memory for each. Not thread-safe.
class Window {
 public:
  static constexpr std::size_t kMaxPieces = 512 * 1024;

  using Sink = std::function<Status(const Piece&)>;
  // In the order of the log. `sink` is given what is left to be done of the run, if it ends with
  // this piece.
  [[nodiscard]] Status add(const Piece& piece, const Sink& sink);
  // Ends the run: hands out what is left to be done. Where much was written over, each place once,
  // with the content that won, in the order of the device; else all pieces as they came, since
  // reading a log is fastest from its beginning to its end.
  [[nodiscard]] Status end_run(const Sink& sink);

 private:
  // How many bytes a run copies before it is looked through: few at first, so that threads which
  // copy have something to do early on, then twice as many each time, until looking is cheap beside
  // copying.
  static constexpr ByteCount kFirstLook = 64 * kMiB;
  static constexpr ByteCount kMostToNextLook = 512 * kMiB;

  [[nodiscard]] bool drop_overwritten();
  [[nodiscard]] Status hand_out(const Sink& sink);

  std::vector<Piece> pieces_;
  ByteCount copied_bytes_ = 0;  // by all of them
  ByteCount look_at_ = kFirstLook;
  ByteCount to_next_look_ = kFirstLook;
};

}  // namespace powercut::replay
