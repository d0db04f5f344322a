// SPDX-License-Identifier: Apache-2.0
#include "apps/nbdkit-powercut/parameters.h"

#include "apps/support/run.h"

namespace powercut::apps {

namespace {

using flags::Flag;
using flags::Kind;

std::vector<Flag> serve_flags() {
  return {
      {.name = "log",
       .value_name = "LOG",
       .help = "The log: a regular file or a block device. The name may stand without \"log=\".",
       .required = true},
      {.name = "base",
       .value_name = "IMAGE",
       .help = "What the device held before the first entry: a regular file, a block device or an "
               "NBD URI. It is only read.",
       .default_text = "zeroes"},
      {.name = "size",
       .value_name = "SIZE",
       .help = "The size of the device, for logs that do not state it.",
       .kind = Kind::kSize,
       .range = {.least = 1}},
      {.name = "index",
       .value_name = "FILE",
       .help = "Where the log's index is kept, which is made when it is wanted for the first time; "
               "none: nowhere, it is made each time.",
       .default_text = "LOG.idx; none where LOG is a block device"},
      {.name = "default",
       .value_name = "INSTANT",
       .help = "What a client gets that names no export.",
       .default_value = "end"},
  };
}

}  // namespace

const flags::Program& nbdkit_powercut_program() {
  static const flags::Program program = {
      .root =
          {.name = "powercut",
           .summary = "any instant of a log as a disk",
           .description =
               {"Serves the device as it was at any instant of LOG, which powercut-record(1), "
                "nbdkit-logwrites-plugin(1), QEMU's blklogwrites or Linux's dm-log-writes has "
                "made. The export's name is the instant: entry:N (behind N entries), flush:K, "
                "mark:NAME, start or end.",
                "Each client has the disk to itself: what it writes is laid over the instant, in "
                "a temporary file, and gone when it disconnects. With nbdkit's --readonly nothing "
                "can be written, and several connections may share an export (multi-conn).",
                "Nothing is copied or replayed: an export is there at once, however large the log "
                "is. For that an index is made when the log is first opened, and kept beside it as "
                "LOG.idx. A log that is still being written can be served as far as it has come."},
           .flags = serve_flags(),
           .sections = {{"Exports",
                         {"Clients that ask get a list: end, start, and each mark. Every other "
                          "instant is there as well, only not listed. Holes are reported "
                          "(base:allocation)."}}},
           .examples = {{"The instants that have a name.",
                         "nbdkit -U - powercut run.log --run 'nbdinfo --list \"$uri\"'"},
                        {"Copy the disk as it was at a mark.",
                         "nbdkit -r -U /tmp/log.sock powercut run.log\n"
                         "nbdcopy 'nbd+unix:///mark:mkfs?socket=/tmp/log.sock' mkfs.img"}},
           .see_also = {"powercut-serve(1)", "powercut-mount(1)", "nbdkit-logwrites-plugin(1)",
                        "nbdkit(1)", "nbdkit-plugin(3)"}},
      .version = POWERCUT_VERSION,
      .is_nbdkit_plugin = true,
  };
  return program;
}

Result<ServeParameters> read_serve_parameters(const flags::Parameters& parameters) {
  const auto arguments =
      POWERCUT_TRY(flags::parse_parameters(nbdkit_powercut_program().root, parameters));
  ServeParameters result;
  result.log = arguments.text("log");
  result.base = arguments.optional_text("base");
  result.size_bytes = arguments.optional_integer("size");
  if (const auto index = arguments.optional_text("index"))
    result.index = *index == "none" ? "" : *index;
  result.default_export = arguments.text("default");
  return result;
}

}  // namespace powercut::apps
