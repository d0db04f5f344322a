// SPDX-License-Identifier: Apache-2.0
//
// Instants of a log as NBD exports. The log is opened, and its index made, in get_ready: whoever
// starts the server sees what is wrong and waits until it is ready.
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "apps/flags/documents.h"
#include "apps/nbdkit-powercut/parameters.h"
#include "apps/nbdkit/callbacks.h"
#include "block/open.h"
#include "block/overlay_device.h"
#include "state/timeline.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace powercut::apps {
namespace {

// nbdkit takes no more than 10,000 exports.
constexpr std::uint64_t kMaxListedMarks = 9'900;

struct Plugin {
  flags::Parameters given;
  ServeParameters parameters;
  std::unique_ptr<state::Timeline> timeline;
};

// What one client has: an instant, and what it has written over it.
struct Connection {
  std::shared_ptr<BlockDevice> device;
  bool is_read_only = false;
};

Plugin& self() {
  return *Kept<Plugin>::state;
}

BlockDevice& device_of(void* handle) {
  return *static_cast<Connection*>(handle)->device;
}

state::Timeline& timeline() {
  return *self().timeline;
}

int config_complete() {
  return guarded([]() -> Status {
    self().parameters = POWERCUT_TRY(read_serve_parameters(self().given));
    return {};
  });
}

int get_ready() {
  return guarded([]() -> Status {
    const ServeParameters& parameters = self().parameters;
    state::TimelineOptions options;
    options.size_bytes = parameters.size_bytes;
    options.notice = [](const std::string& text) {
      const std::string line = fmt::format("nbdkit: powercut: note: {}\n", text);
      (void)std::fwrite(line.data(), 1, line.size(), stderr);
    };
    if (parameters.index) options.sidecar_path = *parameters.index;
    if (parameters.base) options.base = POWERCUT_TRY(open_read_only_device(*parameters.base));
    self().timeline = POWERCUT_TRY(state::Timeline::open(parameters.log, std::move(options)));
    (void)POWERCUT_TRY(timeline().device(parameters.default_export));
    return {};
  });
}

void cleanup() {
  self().timeline.reset();
}

int list_exports(int, int, nbdkit_exports* exports) {
  return guarded([&]() -> Status {
    const auto add = [&](const state::Instant& instant, EntryIndex entries) -> Status {
      const std::string description = fmt::format("behind {} entries", entries);
      if (nbdkit_add_export(exports, to_string(instant).c_str(), description.c_str()) == 0)
        return {};
      return os_error("cannot list an export");
    };
    POWERCUT_TRY_STATUS(timeline().refresh());
    const index::LogIndex& index = timeline().index();
    POWERCUT_TRY_STATUS(add({.kind = state::Instant::Kind::kEnd}, index.nr_entries()));
    POWERCUT_TRY_STATUS(add({.kind = state::Instant::Kind::kStart}, 0));
    std::map<std::string, std::uint64_t> seen;  // how often each name
    const std::uint64_t nr_marks = std::min(index.nr_marks(), kMaxListedMarks);
    for (std::uint64_t i = 0; i < nr_marks; ++i) {
      const index::Mark mark = POWERCUT_TRY(index.mark(i));
      const state::Instant instant = {
          .kind = state::Instant::Kind::kMark, .number = ++seen[mark.text], .mark = mark.text};
      POWERCUT_TRY_STATUS(add(instant, mark.entry + 1));
    }
    return {};
  });
}

const char* default_export(int, int) {
  return self().parameters.default_export.c_str();
}

// A client that comes later may name what has been recorded since.
Result<std::shared_ptr<BlockDevice>> device_named(const std::string& name) {
  if (auto device = timeline().device(name); device && name != "end") return device;
  POWERCUT_TRY_STATUS(timeline().refresh());
  return timeline().device(name);
}

void* open(int is_read_only) {
  Connection* connection = nullptr;
  (void)guarded([&]() -> Status {
    const char* name = nbdkit_export_name();
    if (name == nullptr) return os_error("cannot learn the export's name");
    const std::string instant = *name == '\0' ? self().parameters.default_export : name;
    std::shared_ptr<BlockDevice> device = POWERCUT_TRY(device_named(instant));
    if (is_read_only == 0) device = POWERCUT_TRY(OverlayDevice::make(std::move(device)));
    connection = new Connection{std::move(device), is_read_only != 0};
    return {};
  });
  return connection;
}

void close(void* handle) {
  delete static_cast<Connection*>(handle);
}

int64_t get_size(void* handle) {
  return static_cast<int64_t>(device_of(handle).size_bytes());
}

// Two connections that write do not see each other's writes.
int can_multi_conn(void* handle) {
  return static_cast<Connection*>(handle)->is_read_only ? 1 : 0;
}

int block_size(void*, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
  *minimum = 1;
  *preferred = std::clamp(timeline().index().sector_size(), kPreferredBlock, kMaxPreferredBlock);
  *maximum = kMaximumBlock;
  return 0;
}

void dump_plugin() {
  fmt::print("powercut_version={}\n", POWERCUT_VERSION);
}

nbdkit_plugin make_plugin() {
  // nbdkit keeps the pointers for as long as it runs.
  static const std::string help = flags::parameters_text(nbdkit_powercut_program().root);
  static const std::string summary = nbdkit_powercut_program().root.summary;
  nbdkit_plugin result = {};
  Kept<Plugin>::set_callbacks(result);
  set_request_callbacks<device_of>(result);
  result.name = "powercut";
  result.longname = "powercut time travel";
  result.version = POWERCUT_VERSION;
  result.description = summary.c_str();
  result.config_complete = config_complete;
  result.config_help = help.c_str();
  result.magic_config_key = "log";
  result.dump_plugin = dump_plugin;
  result.get_ready = get_ready;
  result.cleanup = cleanup;
  result.list_exports = list_exports;
  result.default_export = default_export;
  result.open = open;
  result.close = close;
  result.get_size = get_size;
  result.can_multi_conn = can_multi_conn;
  result.block_size = block_size;
  return result;
}

nbdkit_plugin plugin = make_plugin();

}  // namespace
}  // namespace powercut::apps

NBDKIT_REGISTER_PLUGIN(powercut::apps::plugin)
