// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/recording_options.h"

#include <fmt/format.h>

#include <cstdio>

#include "apps/recording/file_system.h"
#include "log/format.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Flag;
using flags::Kind;
using Way = RecordingPlan::Way;

record::RecordingOptions recording_options(const Arguments& arguments) {
  record::RecordingOptions options;
  options.file = arguments.optional_text("file").value_or("");
  options.log = arguments.optional_text("log").value_or("");
  options.log_append = arguments.is_set("log-append");
  if (const auto size = arguments.optional_integer("sector-size")) {
    options.log_sector_size = static_cast<std::uint32_t>(*size);
  }
  options.log_super_update_interval = arguments.integer("log-super-update-interval");
  if (const auto choice = arguments.optional_text("log-extensions")) {
    options.log_extensions = *choice == "on";
  }
  options.log_direct = arguments.is_set("log-direct");
  options.overwrite = arguments.is_set("overwrite");
  if (arguments.text("on-log-error") == "stop") options.on_log_error = record::OnLogError::kStop;
  return options;
}

Status choose_way(const Arguments& arguments, RecordingPlan& plan) {
  if (arguments.given("fs")) {
    plan.way = Way::kFileSystem;
    plan.file_system = arguments.text("fs");
    plan.make_file_system = !arguments.is_set("no-mkfs");
    plan.mount_options = arguments.optional_text("mount-options").value_or("");
    for (const auto& text : arguments.texts("mkfs-options")) {
      const auto words = POWERCUT_TRY(split_words(text));
      plan.mkfs_options.insert(plan.mkfs_options.end(), words.begin(), words.end());
    }
    return {};
  }
  for (const char* name : {"mkfs-options", "mount-options", "no-mkfs"}) {
    if (arguments.given(name)) return usage_error(fmt::format("--{} goes with --fs", name));
  }
  if (arguments.is_set("raw")) {
    plan.way = Way::kRaw;
  } else if (arguments.given("fuse")) {
    plan.way = Way::kFuse;
    plan.fuse_path = arguments.text("fuse");
  } else if (arguments.given("nbd")) {
    plan.way = Way::kNbd;
    plan.nbd_socket = arguments.text("nbd");
  } else {
    return usage_error("what is to be made of the disk? One of --fs, --raw, --fuse, --nbd");
  }
  return {};
}

}  // namespace

Result<RecordingPlan> recording_plan_from(const Arguments& arguments) {
  RecordingPlan plan;
  plan.recording = recording_options(arguments);
  plan.size_bytes = arguments.optional_integer("size");
  plan.control = arguments.optional_text("control").value_or("");
  plan.command = arguments.trailing();
  plan.notice = print_notice;
  POWERCUT_TRY_STATUS(choose_way(arguments, plan));
  return plan;
}

std::vector<Flag> recording_flags() {
  constexpr const char* kWays = "What the disk becomes (one of these)";
  constexpr const char* kLog = "The log";
  return {
      {.name = "fs",
       .value_name = "TYPE",
       .help = "Make a file system of this type (ext4, xfs, btrfs, vfat, ...: there must be a "
               "mkfs.TYPE) on a loop device and mount it. Needs root.",
       .excludes = {"raw", "fuse", "nbd"},
       .group = kWays},
      {.name = "raw",
       .help = "No file system: $POWERCUT_DISK is a loop device for root, and for others a file.",
       .kind = Kind::kBool,
       .excludes = {"fuse", "nbd"},
       .group = kWays},
      {.name = "fuse",
       .value_name = "PATH",
       .help = "The disk is the file PATH, served by FUSE; it is made if it is absent. Without a "
               "COMMAND it is served until SIGINT or SIGTERM comes or it is unmounted.",
       .excludes = {"nbd"},
       .group = kWays},
      {.name = "nbd",
       .value_name = "SOCKET",
       .help = "The disk is served over NBD at a Unix socket, by nbdkit(1). $POWERCUT_DISK is its "
               "URI. Without a COMMAND it is served until SIGINT or SIGTERM comes.",
       .group = kWays},
      {.name = "mkfs-options",
       .value_name = "OPTIONS",
       .help = "More options for mkfs.TYPE, parted by blanks.",
       .repeated = true,
       .group = kWays},
      {.name = "mount-options",
       .value_name = "OPTIONS",
       .help = "As after mount -o: \"noatime,nobarrier\".",
       .group = kWays},
      {.name = "no-mkfs",
       .help = "Mount the file system that is on the image already.",
       .kind = Kind::kBool,
       .group = kWays},
      {.name = "file",
       .value_name = "IMAGE",
       .help = "The disk's content: a regular file or a block device, or an NBD URI. It is made, "
               "with --size, if it is absent.",
       .default_text = "a temporary file",
       .group = "The disk"},
      {.name = "size",
       .value_name = "SIZE",
       .help = "Of an image that has to be made.",
       .kind = Kind::kSize,
       .range = {.least = 1},
       .group = "The disk"},
      {.name = "sector-size",
       .value_name = "BYTES",
       .help = "Logical sector size of the disk and of the log; a power of two, usually 512 or "
               "4096.",
       .kind = Kind::kSize,
       .default_text = "512, or IMAGE's logical block size if that is larger",
       .range = {log::kMinSectorSize, log::kMaxSectorSize},
       .group = "The disk"},
      {.name = "log",
       .value_name = "LOG",
       .help = "Where to record: a regular file, made if it is absent, or a block device.",
       .required = true,
       .group = kLog},
      {.name = "log-append",
       .help = "Go on with the log that is there.",
       .kind = Kind::kBool,
       .excludes = {"overwrite", "sector-size"},
       .group = kLog},
      {.name = "overwrite",
       .help = "Begin anew over a log that is not empty, and blank an IMAGE that is to get a file "
               "system.",
       .kind = Kind::kBool,
       .group = kLog},
      {.name = "log-super-update-interval",
       .value_name = "N",
       .help = "Rewrite the log's super block after so many entries, besides each flush, mark and "
               "FUA.",
       .kind = Kind::kInteger,
       .default_value = "4096",
       .range = {.least = 1},
       .group = kLog},
      {.name = "log-extensions",
       .value_name = "on|off",
       .help = "Put ticks, times and hashes into the unused end of each entry's header sector.",
       .default_text = "on where the sector size is at least 512, or as the log has it",
       .choices = {"on", "off"},
       .group = kLog},
      {.name = "log-direct",
       .help = "Write the log past the page cache (O_DIRECT).",
       .kind = Kind::kBool,
       .group = kLog},
      {.name = "on-log-error",
       .value_name = "fail|stop",
       .help = "When the log cannot be written: fail the request and every later one that would "
               "change the disk; or go on serving, stop recording, and say so.",
       .default_value = "fail",
       .choices = {"fail", "stop"},
       .group = kLog},
      {.name = "control",
       .value_name = "SOCKET",
       .help = "Make the control socket here, for powercut-mark(1) and powercut-status(1).",
       .default_text = "a private one"},
  };
}

void print_notice(const std::string& message) {
  const std::string text = fmt::format("powercut: {}\n", message);
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace powercut::apps
