// SPDX-License-Identifier: Apache-2.0
#include "apps/replay-log/replay_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "block/file_device.h"
#include "io/posix_file.h"
#include "replay/replay.h"

namespace powercut::apps::replay_log {

namespace {

// DEVICE. A regular file grows where an entry reaches past its end.
class Target {
 public:
  explicit Target(std::unique_ptr<PosixFile> file) : file_(std::move(file)) {}

  [[nodiscard]] bool can_grow() const { return !is_block_device(); }
  [[nodiscard]] bool is_block_device() const {
    return device_ ? device_->file().is_block_device() : file_->is_block_device();
  }

  // With at least so many bytes, if it can grow.
  Result<FileDevice*> device(ByteCount size_bytes) {
    if (!device_) device_ = POWERCUT_TRY(FileDevice::make(std::move(file_)));
    if (device_->size_bytes() < size_bytes && can_grow()) {
      POWERCUT_TRY_STATUS(device_->file().truncate(size_bytes));
      // A device's size is that of its file when it was made.
      file_ = POWERCUT_TRY(PosixFile::open(device_->name(), {.writable = true}));
      device_ = POWERCUT_TRY(FileDevice::make(std::move(file_)));
    }
    return device_.get();
  }

 private:
  std::unique_ptr<PosixFile> file_;  // until the device is made
  std::unique_ptr<FileDevice> device_;
};

// Another reader that stands where this one stands.
log::Reader reader_at(const log::Reader& reader) {
  log::Reader other(reader.file(), reader.super_block(), reader.file_size(), {.read_ahead = true});
  other.seek(reader.position(), reader.log_offset());
  return other;
}

class Session {
 public:
  Session(const Options& options, log::Reader& reader, Target& target)
      : options_(options),
        scanner_(reader_at(reader)),
        replayer_(reader_at(reader)),
        target_(target) {}

  // From where the reader stands.
  int run() {
    if (options_.end_mark && !has_end_mark()) return kFailure;
    const Status done = can_go_straight() ? replay_straight() : replay_in_parts();
    if (done) return kSuccess;
    // A failed check has been reported.
    if (done.error().kind != ErrorKind::kFinding) print_error(done.error());
    return kFailure;
  }

 private:
  // Replaying all when the mark to stop at is missing would pass for success.
  bool has_end_mark() {
    log::Reader reader = reader_at(scanner_);
    while (const auto entry = reader.next()) {
      if (entry->is_mark() && entry->mark == *options_.end_mark) return true;
    }
    if (const Status whole = to_status(reader.ending()); !whole) print_error(whole.error());
    std::fprintf(stderr, "Couldn't find end mark\n");
    return false;
  }

  // Nothing to print, to check, to look for, and the log says that DEVICE is large enough.
  bool can_go_straight() {
    const auto& extension = scanner_.super_block().extension;
    if (options_.verbosity > 0 || options_.fsck || options_.end_mark || options_.next_flush ||
        options_.next_fua) {
      return false;
    }
    if (!target_.can_grow()) return true;
    const auto device = target_.device(0);
    return device && extension && extension->device_size_bytes > 0 &&
           extension->device_size_bytes <= (*device)->size_bytes();
  }

  Status replay_straight() {
    const EntryIndex count = scanner_.super_block().nr_entries;
    const EntryIndex from = scanner_.position();
    if (options_.limit == 0 || options_.limit > count - from) return replay_to(replay::kToEnd);
    return replay_to(from + options_.limit);
  }

  // Up to each entry behind which a check is to run, and to the last one.
  Status replay_in_parts() {
    bool ended = false;
    for (std::uint64_t count = 1; !ended; ++count) {
      const auto entry = scanner_.next();
      if (!entry) break;
      look_at(*entry);
      ended = is_last(options_, *entry, count);
      if (is_checked(*entry, count)) {
        POWERCUT_TRY_STATUS(replay_to(entry->index + 1));
        POWERCUT_TRY_STATUS(check(*entry));
      }
    }
    POWERCUT_TRY_STATUS(replay_to(scanner_.position()));
    return ended ? Status{} : to_status(scanner_.ending());
  }

  Status replay_to(EntryIndex to) {
    FileDevice* device = POWERCUT_TRY(target_.device(least_size_bytes_));
    POWERCUT_TRY(
        replay::replay(replayer_, replayer_.position(), to, *device,
                       {.discards = !options_.no_discard,
                        .filter = [this](const log::Entry& entry) { return is_selected(entry); }}));
    return {};
  }

  bool is_selected(const log::Entry& entry) const {
    if (entry.nr_sectors == 0) return true;
    return entry.sector <= options_.end_sector &&
           entry.sector + entry.nr_sectors > options_.start_sector;
  }

  void look_at(const log::Entry& entry) {
    const bool selected = is_selected(entry);
    if (options_.verbosity > (selected ? 0 : 1)) {
      std::printf("%s %" PRIu64 "@%" PRIu64 ": sector %" PRIu64 ", size %" PRIu64
                  ", flags 0x%" PRIx64 "(%s)\n",
                  selected ? "replaying" : "skipping", entry.index,
                  entry.payload_offset() / entry.sector_size, entry.sector,
                  entry.device_range().size(), entry.flags, flag_text(entry.flags).c_str());
    }
    if (entry.is_discard() && !options_.no_discard) tell_of_zeroes();
    if (!selected || entry.is_mark() || (entry.is_discard() && options_.no_discard)) return;
    if (entry.nr_sectors > 0) {
      least_size_bytes_ = std::max(least_size_bytes_, entry.device_range().end);
    }
  }

  // Once, at the first discard; of block devices it is expected that they can.
  void tell_of_zeroes() {
    if (options_.verbosity > 0 && !told_of_zeroes_ && !target_.is_block_device()) {
      std::printf("replay device doesn't support discard, switching to writing zeros\n");
    }
    told_of_zeroes_ = true;
  }

  bool is_checked(const log::Entry& entry, std::uint64_t count) const {
    if (!options_.check) return false;
    switch (options_.check->when) {
      case Check::When::kEvery:
        return count % options_.check->every == 0;
      case Check::When::kFlush:
        return entry.is_flush();
      case Check::When::kFua:
        return entry.is_fua();
      case Check::When::kDiscard:
        return entry.is_discard();
    }
    return false;
  }

  // By the shell, with what it prints among our own output. A signal is a failure like any other.
  Status check(const log::Entry& entry) const {
    if (std::system(options_.fsck->c_str()) == 0) return {};
    std::fprintf(stderr, "Fsck errored out on entry %" PRIu64 "\n", entry.index);
    return Unexpected(Error{ErrorKind::kFinding, 0, "the check failed"});
  }

  const Options& options_;
  log::Reader scanner_;   // looks ahead at the headers, up to the next check
  log::Reader replayer_;  // follows
  Target& target_;
  ByteCount least_size_bytes_ = 0;  // that holds all entries up to the scanner's
  bool told_of_zeroes_ = false;
};

// Puts the reader behind the start mark. False after a complaint.
bool seek_start_mark(const Options& options, log::Reader& reader) {
  while (const auto entry = reader.next()) {
    if (options.verbosity > 1) print_seek(*entry);
    if (entry->is_mark() && entry->mark == *options.start_mark) return true;
  }
  if (const Status whole = to_status(reader.ending()); !whole) print_error(whole.error());
  std::fprintf(stderr, "Couldn't find starting mark\n");
  return false;
}

bool seek_start_entry(const Options& options, log::Reader& reader) {
  if (options.start_entry >= reader.super_block().nr_entries) {
    std::fprintf(stderr, "Invalid entry number\n");
    return false;
  }
  while (reader.position() < options.start_entry) {
    const auto entry = reader.next();
    if (!entry) {
      print_error(to_status(reader.ending()).error());
      return false;
    }
    // Without names, and with the offset of the header itself: as scripts know it.
    if (options.verbosity > 1) {
      std::printf("seek entry %" PRIu64 "@%" PRIu64 ": %" PRIu64 ", size %" PRIu64
                  ", flags 0x%" PRIx64 "\n",
                  entry->index, entry->log_offset / entry->sector_size, entry->sector,
                  entry->nr_sectors, entry->flags);
    }
  }
  return true;
}

int cannot_open(const char* what, const std::string& path, const Error& error) {
  std::fprintf(stderr, "Couldn't open %s %s: %d\n", what, path.c_str(), error.client_errno());
  return kFailure;
}

}  // namespace

int run(const Options& options) {
  auto log = PosixFile::open(options.log_path, {});
  if (!log) return cannot_open("log", options.log_path, log.error());
  std::optional<Target> target;
  if (options.replay_path) {
    auto file = PosixFile::open(*options.replay_path, {.writable = true});
    if (!file) return cannot_open("replay file", *options.replay_path, file.error());
    target.emplace(std::move(*file));
  }
  auto reader = log::Reader::open(**log, {.read_ahead = true});
  if (!reader) {
    print_error(reader.error());
    return kFailure;
  }
  const bool found =
      options.start_mark ? seek_start_mark(options, *reader) : seek_start_entry(options, *reader);
  if (!found) return kFailure;
  if (options.find) return find(options, *reader);
  if (options.num_entries) {
    std::printf("%" PRIu64 "\n", reader->super_block().nr_entries);
    return kSuccess;
  }
  if (target) return Session(options, *reader, *target).run();
  std::printf("Log version=%" PRIu64 ", sectorsize=%" PRIu32 ", entries=%" PRIu64 "\n",
              log::kVersion, reader->sector_size(), reader->super_block().nr_entries);
  return kSuccess;
}

}  // namespace powercut::apps::replay_log
