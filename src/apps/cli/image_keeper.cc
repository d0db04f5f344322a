// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/image_keeper.h"

#include <unistd.h>

#include <filesystem>

#include "block/nbd_device.h"

namespace powercut::apps {

namespace {

using flags::Arguments;
using replay::ImageState;

std::string absolute(const std::string& path) {
  if (path.empty() || NbdDevice::is_uri(path)) return path;
  std::error_code ignored;
  const auto canonical = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? path : canonical.string();
}

// "": there is no place for it.
std::string state_path(const Arguments& arguments, const Destination& destination) {
  if (const auto path = arguments.optional_text("state")) return *path;
  const bool can_stand_beside = destination.file != nullptr && !destination.is_temporary &&
                                !destination.file->is_block_device();
  return can_stand_beside ? destination.name + ".powercut" : "";
}

}  // namespace

Result<ImageKeeper> ImageKeeper::open(const Arguments& arguments, const Destination& destination,
                                      const File& log, const log::SuperBlock& super_block) {
  ImageKeeper keeper(destination, state_path(arguments, destination));
  keeper.is_unwanted_ = arguments.is_set("no-state") || arguments.is_set("no-discard");
  keeper.base_path_ = absolute(arguments.optional_text("base").value_or(""));
  keeper.has_given_base_ = arguments.given("base");
  keeper.log_path_ = absolute(log.name());
  keeper.log_ = POWERCUT_TRY(replay::identity_of(log, super_block));
  if (keeper.path_.empty()) return keeper;

  auto state = POWERCUT_TRY(replay::read_image_state(keeper.path_));
  if (!state) {
    if (keeper.is_unwanted_) keeper.path_.clear();
    return keeper;
  }
  // One that was left over from an image that is gone is of no interest.
  if (keeper.is_unwanted_ || destination.is_new) return keeper;
  const std::string why_not = POWERCUT_TRY(keeper.why_not(*state, log, super_block));
  if (!why_not.empty()) {
    if (!arguments.given("from")) {
      note("{}, so it is not known where '{}' is", why_not, destination.name);
    }
    return keeper;
  }
  if (!keeper.has_given_base_) keeper.base_path_ = state->base_path;
  keeper.known_ = std::move(*state);
  return keeper;
}

Result<std::string> ImageKeeper::why_not(const ImageState& state, const File& log,
                                         const log::SuperBlock& super_block) const {
  if (POWERCUT_TRY(replay::identity_of(log, super_block, &state.log)) != state.log) {
    return fmt::format("'{}' is about another log ('{}')", path_, state.log_path);
  }
  const EntryIndex last = state.position ? state.position->greatest : 0;
  if (last > super_block.nr_entries) {
    return fmt::format("'{}' speaks of entry:{}, but '{}' has become shorter: {} entries", path_,
                       last, log.name(), super_block.nr_entries);
  }
  if (state.has_arrived && destination_->file != nullptr &&
      POWERCUT_TRY(replay::stamp_of(*destination_->file)) != state.image) {
    return fmt::format("'{}' has been written since '{}' was", destination_->name, path_);
  }
  if (has_given_base_ && !state.base_path.empty() && state.base_path != base_path_) {
    return fmt::format("'{}' has another base ('{}')", path_, state.base_path);
  }
  return std::string();
}

Status ImageKeeper::forget() {
  if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
  return os_error(fmt::format("cannot remove '{}'", path_));
}

ImageState ImageKeeper::state_of(const std::string& name) const {
  ImageState state;
  state.log_path = log_path_;
  state.log = log_;
  state.base_path = base_path_;
  state.name = name;
  return state;
}

Status ImageKeeper::leave(const std::optional<replay::Place>& from, const replay::Place& to) {
  if (path_.empty()) return {};
  if (is_unwanted_) return forget();
  ImageState state = state_of(to.name);
  if (from) state.position = from->position.and_also(to.position);
  // Nothing will be written.
  if (state.position && state.position->is_exact()) return {};
  return replay::write_image_state(path_, state);
}

Status ImageKeeper::arrive(const replay::Place& at) {
  if (path_.empty() || is_unwanted_) return {};
  ImageState state = state_of(at.name);
  state.position = at.position;
  state.has_arrived = true;
  if (destination_->file != nullptr) {
    state.image = POWERCUT_TRY(replay::stamp_of(*destination_->file));
  } else {
    state.image.size_bytes = destination_->device->size_bytes();
  }
  return replay::write_image_state(path_, state);
}

}  // namespace powercut::apps
