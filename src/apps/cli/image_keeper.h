// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/cli/replay_destination.h"
#include "replay/image_state.h"

namespace powercut::apps {

// Reads and writes what is kept of an image that is replayed onto (replay/image_state.h): beside a
// regular file, or where --state says.
class ImageKeeper {
 public:
  // What the file says is only believed if it is of this log, and nobody has written the image since;
  // otherwise a note says why.
  [[nodiscard]] static Result<ImageKeeper> open(const flags::Arguments& arguments,
                                                const Destination& destination, const File& log,
                                                const log::SuperBlock& super_block);

  // Nothing: it is not known where the image is.
  [[nodiscard]] const std::optional<replay::ImageState>& known() const { return known_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Where the initial content is, by --base or by what is known; "": nowhere.
  [[nodiscard]] const std::string& base_path() const { return base_path_; }

  // The image is about to be taken from there (nothing: all of it is written) to another place.
  [[nodiscard]] Status leave(const std::optional<replay::Place>& from, const replay::Place& to);
  // It has come there, and is durable.
  [[nodiscard]] Status arrive(const replay::Place& at);

 private:
  ImageKeeper(const Destination& destination, std::string path)
      : destination_(&destination), path_(std::move(path)) {}
  [[nodiscard]] Result<std::string> why_not(const replay::ImageState& state, const File& log,
                                            const log::SuperBlock& super_block) const;
  [[nodiscard]] Status forget();
  [[nodiscard]] replay::ImageState state_of(const std::string& name) const;

  const Destination* destination_;
  std::string path_;          // "": nothing is kept
  bool is_unwanted_ = false;  // what is there is to be removed
  std::string base_path_;
  bool has_given_base_ = false;
  std::string log_path_;
  replay::LogIdentity log_;
  std::optional<replay::ImageState> known_;
};

}  // namespace powercut::apps
