// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "record/recording_device.h"

namespace powercut::record {

// The options of the recorder as users give them; names and meanings are those of QEMU's
// blklogwrites.
struct RecordingOptions {
  // A regular file, a block device, an NBD URI (nbd://, nbd+unix:// ...), or "memory:BYTES".
  std::string file;
  std::string log;  // a regular file or a block device
  bool log_append = false;
  std::optional<std::uint32_t> log_sector_size;  // not together with log_append
  std::uint64_t log_super_update_interval = 4096;
  // Nothing: on where the sector size allows it, or as the log that is appended to has it.
  std::optional<bool> log_extensions;
  bool log_direct = false;  // write the log past the page cache (O_DIRECT)
  // Begin anew over an existing log. Without it an existing log that is not empty is an error.
  bool overwrite = false;
  OnLogError on_log_error = OnLogError::kFail;
};

// Opens and locks file and log and puts a recorder on them. Errors say which of the options is
// wrong.
[[nodiscard]] Result<std::unique_ptr<RecordingDevice>> open_recording(
    const RecordingOptions& options, RecordingDevice::Notice notice);

}  // namespace powercut::record
