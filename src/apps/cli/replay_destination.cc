// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/replay_destination.h"

#include <fcntl.h>

#include "base/unique_fd.h"
#include "block/file_device.h"
#include "block/nbd_device.h"
#include "io/image_lock.h"
#include "replay/replay.h"
#include "state/device_size.h"

namespace powercut::apps {

namespace {

using flags::Arguments;

// As the log or the user says, else that of a device that is there, else the least that will do.
// Unless the log states it, one pass over it makes sure that all of it can be replayed, before
// anything is written.
Result<ByteCount> device_size(const Arguments& arguments, log::Reader& reader, EntryIndex to,
                              std::optional<ByteCount> existing) {
  const auto& extension = reader.super_block().extension;
  const auto given = arguments.optional_integer("size");
  const bool is_stated = extension && extension->device_size_bytes > 0;
  if (is_stated && (!given || *given == extension->device_size_bytes)) {
    return extension->device_size_bytes;
  }
  reader.seek(0, reader.sector_size());
  const state::LogSummary summary = state::summarize(reader);
  if (to == replay::kToEnd) POWERCUT_TRY_STATUS(log::to_status(summary.ending));
  const auto size = POWERCUT_TRY(
      state::device_size(reader.super_block(), summary, given ? given : existing, std::nullopt));
  if (size.is_inferred) {
    note(
        "'{}' does not say how large its device is; {} bytes are the least that hold every entry "
        "(--size sets another size)",
        reader.file().name(), size.bytes);
  }
  return size.bytes;
}

// A block device that something else has taken for itself: a mount, a device-mapper target, swap.
Status check_not_claimed(const PosixFile& file) {
  if (!file.is_block_device()) return {};
  const UniqueFd fd(::open(file.name().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (fd.valid() || errno != EBUSY) return {};
  return os_error(fmt::format("'{}' is mounted or otherwise taken; unmount it first", file.name()));
}

Status check_size(const std::string& path, const BlockDevice& device, ByteCount size_bytes) {
  if (device.size_bytes() < size_bytes) {
    return bad_input(
        fmt::format("'{}' has {} bytes, but the recorded device {}: use a larger DEST, or one that "
                    "does not exist yet",
                    path, device.size_bytes(), size_bytes));
  }
  if (device.size_bytes() > size_bytes) {
    note("'{}' has {} bytes; those behind the {} of the recorded device are left as they are", path,
         device.size_bytes(), size_bytes);
  }
  return {};
}

class DestinationOpener {
 public:
  DestinationOpener(const Arguments& arguments, const PosixFile& log, log::Reader& reader,
                    EntryIndex from, EntryIndex to, std::optional<ByteCount> size_hint)
      : arguments_(arguments),
        log_(log),
        reader_(reader),
        from_(from),
        to_(to),
        size_hint_(size_hint) {}

  Result<Destination> open() {
    if (!arguments_.given("DEST")) return open_temporary();
    const std::string& path = arguments_.text("DEST");
    if (NbdDevice::is_uri(path)) {
      auto device = POWERCUT_TRY(NbdDevice::open(path));
      const bool is_empty = !POWERCUT_TRY(device->next_data(0));
      return existing({.device = std::move(device), .name = path, .is_empty = is_empty});
    }
    auto file = PosixFile::open(path, {.writable = true});
    if (!file && file.error().os_errno == ENOENT) return create(path);
    if (!file) return Unexpected(std::move(file).error());
    if (is_same_file(**file, log_)) {
      return usage_error(fmt::format("LOG and DEST are the same: '{}'", path));
    }
    POWERCUT_TRY_STATUS(lock_for_writing(**file));
    POWERCUT_TRY_STATUS(check_not_claimed(**file));
    const ByteCount file_size = POWERCUT_TRY((*file)->size());
    const bool is_empty = POWERCUT_TRY((*file)->is_hole({0, file_size}));
    Destination destination = POWERCUT_TRY(of_file(std::move(*file), path));
    destination.is_empty = is_empty;
    return existing(std::move(destination));
  }

 private:
  static Result<Destination> of_file(std::unique_ptr<PosixFile> file, const std::string& name) {
    PosixFile& open_file = *file;
    return Destination{.device = POWERCUT_TRY(FileDevice::make(std::move(file))),
                       .file = &open_file,
                       .name = name};
  }

  Result<Destination> existing(Destination destination) {
    const BlockDevice& device = *destination.device;
    const bool fits = size_hint_ && *size_hint_ <= device.size_bytes();
    destination.size_bytes = POWERCUT_TRY(
        device_size(arguments_, reader_, to_, fits ? *size_hint_ : device.size_bytes()));
    POWERCUT_TRY_STATUS(check_size(destination.name, device, destination.size_bytes));
    return destination;
  }

  Result<Destination> create(const std::string& path) {
    POWERCUT_TRY_STATUS(check_new());
    const ByteCount size_bytes = POWERCUT_TRY(device_size(arguments_, reader_, to_, size_hint_));
    auto file = POWERCUT_TRY(
        PosixFile::open(path, {.writable = true, .create = OpenOptions::Create::kMustBeNew}));
    POWERCUT_TRY_STATUS(lock_for_writing(*file));
    POWERCUT_TRY_STATUS(file->truncate(size_bytes));
    return made(std::move(file), path, size_bytes);
  }

  Result<Destination> open_temporary() {
    POWERCUT_TRY_STATUS(check_new());
    const ByteCount size_bytes = POWERCUT_TRY(device_size(arguments_, reader_, to_, size_hint_));
    auto file = POWERCUT_TRY(PosixFile::open_temporary());
    POWERCUT_TRY_STATUS(file->truncate(size_bytes));
    Destination destination = POWERCUT_TRY(made(std::move(file), "the replay", size_bytes));
    destination.is_temporary = true;
    return destination;
  }

  static Result<Destination> made(std::unique_ptr<PosixFile> file, const std::string& name,
                                  ByteCount size_bytes) {
    Destination destination = POWERCUT_TRY(of_file(std::move(file), name));
    destination.size_bytes = size_bytes;
    destination.is_new = destination.is_empty = true;
    return destination;
  }

  // An empty DEST is the instant `start` of a device that was empty at first.
  Status check_new() const {
    if (from_ > 0) {
      return usage_error(fmt::format("--from {} wants a DEST that holds that instant already",
                                     arguments_.text("from")));
    }
    const auto& extension = reader_.super_block().extension;
    if (extension && extension->initial_content == log::InitialContent::kImage &&
        !arguments_.given("base")) {
      note(
          "the recorded device was not empty at first ('{}'): what the log does not write will be "
          "zeroes (--base says where that content is)",
          extension->origin_path);
    }
    return {};
  }

  const Arguments& arguments_;
  const PosixFile& log_;
  log::Reader& reader_;
  const EntryIndex from_;
  const EntryIndex to_;
  const std::optional<ByteCount> size_hint_;
};

}  // namespace

Result<Destination> open_destination(const Arguments& arguments, const PosixFile& log,
                                     log::Reader& reader, EntryIndex from, EntryIndex to,
                                     std::optional<ByteCount> size_hint) {
  return DestinationOpener(arguments, log, reader, from, to, size_hint).open();
}

}  // namespace powercut::apps
