// SPDX-License-Identifier: Apache-2.0
#include "record/open.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "block/file_device.h"
#include "block/memory_device.h"
#include "block/nbd_device.h"
#include "io/image_lock.h"
#include "log/codec.h"

namespace powercut::record {
namespace {

// What stands at the start of a block device is looked at so far for whether it is in use.
constexpr ByteCount kProbeBytes = 64 * kKiB;

struct OpenedFile {
  std::shared_ptr<BlockDevice> device;
  const PosixFile* file = nullptr;  // if it is one, for as long as the device lives
  log::InitialContent initial_content = log::InitialContent::kUnknown;
  std::string origin_path;
};

Result<OpenedFile> open_memory(std::string_view size_text) {
  ByteCount size = 0;
  const auto [end, error] =
      std::from_chars(size_text.data(), size_text.data() + size_text.size(), size);
  if (error != std::errc() || end != size_text.data() + size_text.size() || size == 0) {
    return usage_error(
        fmt::format("file=memory:BYTES wants a number of bytes, not '{}'", size_text));
  }
  return OpenedFile{std::make_shared<MemoryDevice>(size), nullptr, log::InitialContent::kZero, ""};
}

// Told by holes alone: reading a whole device for it would take too long.
Result<log::InitialContent> initial_content_of(BlockDevice& device) {
  const auto data = POWERCUT_TRY(device.next_data(0));
  return data ? log::InitialContent::kImage : log::InitialContent::kZero;
}

Result<OpenedFile> open_nbd(const std::string& uri) {
  OpenedFile opened;
  opened.device = POWERCUT_TRY(NbdDevice::open(uri));
  opened.initial_content = POWERCUT_TRY(initial_content_of(*opened.device));
  opened.origin_path = uri;
  return opened;
}

Result<OpenedFile> open_file(const std::string& path) {
  constexpr std::string_view kMemory = "memory:";
  if (path.starts_with(kMemory)) return open_memory(std::string_view(path).substr(kMemory.size()));
  if (NbdDevice::is_uri(path)) return open_nbd(path);
  auto file = POWERCUT_TRY(PosixFile::open(path, {.writable = true}));
  POWERCUT_TRY_STATUS(lock_for_writing(*file));
  OpenedFile opened;
  opened.file = file.get();
  opened.device = POWERCUT_TRY(FileDevice::make(std::move(file)));
  opened.initial_content = POWERCUT_TRY(initial_content_of(*opened.device));
  std::error_code ignored;
  opened.origin_path = std::filesystem::absolute(path, ignored).string();
  if (opened.device->size_bytes() == 0) {
    return bad_input(fmt::format(
        "'{}' is empty; give it the size of the device first (truncate -s SIZE)", path));
  }
  return opened;
}

// An error if a new log would take the place of anything.
Status check_may_begin(const PosixFile& file) {
  std::vector<std::byte> start(std::min(kProbeBytes, POWERCUT_TRY(file.size())));
  POWERCUT_TRY_STATUS(read_exactly(file, 0, start));
  if (file.is_block_device()) {
    if (std::all_of(start.begin(), start.end(), [](std::byte b) { return b == std::byte{0}; }))
      return {};
  } else if (start.empty()) {
    return {};
  }
  const char* what =
      log::decode_super_block(start) ? "holds a log" : "is not empty and holds no log";
  return environment_error(
      fmt::format("'{}' exists and {}: go on with it by log-append, begin anew over it by "
                  "overwrite, or name another file",
                  file.name(), what),
      EEXIST);
}

Result<std::unique_ptr<PosixFile>> open_log_file(const RecordingOptions& options,
                                                 const OpenedFile& opened) {
  auto file = POWERCUT_TRY(PosixFile::open(
      options.log,
      {.writable = true, .create = OpenOptions::Create::kIfAbsent, .direct = options.log_direct}));
  if (opened.file != nullptr && is_same_file(*opened.file, *file)) {
    return usage_error(fmt::format("file and log are the same: '{}'", options.log));
  }
  POWERCUT_TRY_STATUS(lock_for_writing(*file));
  if (!options.log_append && !options.overwrite) POWERCUT_TRY_STATUS(check_may_begin(*file));
  return file;
}

Result<log::WriterOptions> writer_options(const RecordingOptions& options, const OpenedFile& opened,
                                          const PosixFile& log_file) {
  log::WriterOptions result;
  result.sector_size = options.log_sector_size.value_or(
      std::max(log::kDefaultSectorSize, opened.device->alignment()));
  result.super_update_interval = options.log_super_update_interval;
  result.extensions =
      options.log_extensions.value_or(result.sector_size >= log::kMinSectorSizeForExtension);
  if (!options.log_append) POWERCUT_TRY_STATUS(log::check_options(result));
  result.terminate = log_file.is_block_device() && (!result.extensions || options.log_append);
  result.device_size_bytes = opened.device->size_bytes();
  result.initial_content = opened.initial_content;
  result.origin_path = opened.origin_path;
  return result;
}

}  // namespace

Result<std::unique_ptr<RecordingDevice>> open_recording(const RecordingOptions& options,
                                                        RecordingDevice::Notice notice) {
  if (options.file.empty()) return usage_error("file= is missing: what is to be recorded");
  if (options.log.empty()) return usage_error("log= is missing: where to record to");
  if (options.log_append && options.log_sector_size) {
    return usage_error(
        "log-sector-size cannot be given together with log-append: the log has its sector size");
  }
  if (options.log_append && options.overwrite) {
    return usage_error(
        "log-append and overwrite exclude each other: go on with the log, or begin anew");
  }

  OpenedFile opened = POWERCUT_TRY(open_file(options.file));
  auto log_file = POWERCUT_TRY(open_log_file(options, opened));
  const log::WriterOptions log_options = POWERCUT_TRY(writer_options(options, opened, *log_file));
  std::unique_ptr<log::Writer> writer;
  if (options.log_append) {
    writer = POWERCUT_TRY(log::Writer::append_to(std::move(log_file), log_options));
    if (options.log_extensions && *options.log_extensions != writer->has_extensions()) {
      return usage_error(
          fmt::format("log '{}' was begun with extensions {}; that cannot be changed by appending",
                      options.log, writer->has_extensions() ? "on" : "off"));
    }
    if (const auto recovered = writer->counters().recovered_entries; recovered > 0) {
      notice(fmt::format(
          "log '{}' was not closed: kept {} whole entries behind its super block's count",
          options.log, recovered));
    }
  } else {
    POWERCUT_TRY_STATUS(check_geometry(*opened.device, log_options.sector_size));
    // Only now that nothing else can be wrong. With extensions the old log's entries cannot be taken
    // for the new one's: the storage that it has is written over, which is cheaper than to give it
    // back and ask for it anew, and the rest is cut off when the new log is closed.
    if (!log_file->is_block_device() && !log_options.extensions)
      POWERCUT_TRY_STATUS(log_file->truncate(0));
    writer = POWERCUT_TRY(log::Writer::create(std::move(log_file), log_options));
  }
  return RecordingDevice::make(std::move(opened.device), std::move(writer), options.log,
                               options.on_log_error, std::move(notice));
}

}  // namespace powercut::record
