// SPDX-License-Identifier: Apache-2.0
#include "apps/nbdkit-logwrites/parameters.h"

#include "apps/support/run.h"

namespace powercut::apps {

namespace {

using flags::Flag;
using flags::Kind;

constexpr const char* kOnOff = "on|off";

std::vector<Flag> logwrites_flags() {
  return {
      {.name = "file",
       .value_name = "FILE",
       .help = "Where the I/O goes: a regular file, a block device, an NBD URI (nbd://..., "
               "nbd+unix://...), or memory:BYTES for a device that is gone afterwards. The name "
               "may stand without \"file=\".",
       .required = true},
      {.name = "log",
       .value_name = "LOG",
       .help = "Where it is recorded: a regular file, made if it is absent, or a block device. One "
               "that is not empty is an error without log-append or overwrite.",
       .required = true},
      {.name = "log-append",
       .value_name = kOnOff,
       .help = "Go on with the log that is there. An empty file counts as an empty log.",
       .kind = Kind::kBool,
       .default_text = "off",
       .excludes = {"log-sector-size", "overwrite"}},
      {.name = "log-sector-size",
       .value_name = "SIZE",
       .help = "Sector size of the log and request alignment of the device; a power of two.",
       .kind = Kind::kSize,
       .default_text = "512, or FILE's logical block size if that is larger",
       .range = {1, log::kMaxSectorSize}},
      {.name = "log-super-update-interval",
       .value_name = "N",
       .help = "Rewrite the log's super block after so many entries, besides each flush, mark and "
               "FUA.",
       .kind = Kind::kInteger,
       .default_value = "4096",
       .range = {.least = 1}},
      {.name = "log-extensions",
       .value_name = kOnOff,
       .help = "Put times, ticks and hashes into the unused end of each entry's header sector, "
               "where other readers of the format do not look.",
       .kind = Kind::kBool,
       .default_text = "on where the sector size is at least 512, or as the log has it"},
      {.name = "log-direct",
       .value_name = kOnOff,
       .help = "Write the log past the page cache (O_DIRECT).",
       .kind = Kind::kBool,
       .default_text = "off"},
      {.name = "on-log-error",
       .value_name = "fail|stop",
       .help = "When the log cannot be written: fail the request, and every later one that would "
               "change the device; or go on serving, stop recording, and say so.",
       .default_value = "fail",
       .choices = {"fail", "stop"}},
      {.name = "overwrite",
       .value_name = kOnOff,
       .help = "Begin anew over a log that is not empty.",
       .kind = Kind::kBool,
       .default_text = "off"},
      {.name = "control",
       .value_name = "SOCKET",
       .help =
           "Make a control socket for 'powercut mark' and 'powercut status'. Only its owner can "
           "use it."},
  };
}

}  // namespace

const flags::Program& logwrites_program() {
  static const flags::Program program = {
      .root =
          {.name = "logwrites",
           .summary = "record every write to a device in a log",
           .description =
               {"Serves FILE over NBD and records every write, write-zeroes, discard and flush "
                "that "
                "clients make in LOG, in the format of Linux's dm-log-writes. powercut(1) and "
                "replay-log(1) show and check what a power cut would have left on the device.",
                "Parameters have the names and meanings that QEMU's driver blklogwrites gives "
                "them. "
                "Everything about the server itself (sockets, TLS, threads, filters) is "
                "nbdkit(1)'s.",
                "Clients may send requests in parallel, and from many connections: a flush on one "
                "covers what has completed on all (multi-conn). FUA is recorded as FUA, a flush at "
                "the place where it was submitted. A request that cannot be recorded fails."},
           .flags = logwrites_flags(),
           .sections = {{"Filters",
                         {"A filter changes what is recorded: the recorder sees the requests as "
                          "they come out of the filters. A filter that does not pass FUA on, for "
                          "example, hides it from the log."}}},
           .examples =
               {{"Record what a client does to disk.img.",
                 "nbdkit -U /tmp/disk.sock logwrites disk.img log=disk.log"},
                {"Run one command against the recorded device.",
                 "nbdkit -U - logwrites disk.img log=disk.log --run 'nbdcopy new.img $uri'"},
                {"Record a qcow2 image, by way of qemu-nbd.",
                 "qemu-nbd -t -k /tmp/qcow2.sock -f qcow2 disk.qcow2 &\n"
                 "nbdkit -U /tmp/disk.sock logwrites "
                 "'nbd+unix:///?socket=/tmp/qcow2.sock' log=disk.log"}},
           .see_also = {"powercut(1)", "replay-log(1)", "nbdkit(1)", "nbdkit-plugin(3)"}},
      .version = POWERCUT_VERSION,
      .is_nbdkit_plugin = true,
  };
  return program;
}

Result<LogwritesParameters> read_parameters(const flags::Parameters& parameters) {
  const auto arguments =
      POWERCUT_TRY(flags::parse_parameters(logwrites_program().root, parameters));
  LogwritesParameters result;
  record::RecordingOptions& recording = result.recording;
  recording.file = arguments.text("file");
  recording.log = arguments.text("log");
  recording.log_append = arguments.is_set("log-append");
  if (const auto size = arguments.optional_integer("log-sector-size"))
    recording.log_sector_size = static_cast<std::uint32_t>(*size);
  recording.log_super_update_interval = arguments.integer("log-super-update-interval");
  if (arguments.given("log-extensions"))
    recording.log_extensions = arguments.is_set("log-extensions");
  recording.log_direct = arguments.is_set("log-direct");
  recording.overwrite = arguments.is_set("overwrite");
  recording.on_log_error = arguments.text("on-log-error") == "stop" ? record::OnLogError::kStop
                                                                    : record::OnLogError::kFail;
  result.control = arguments.optional_text("control");
  return result;
}

}  // namespace powercut::apps
