// SPDX-License-Identifier: Apache-2.0
//
// The recorder as an nbdkit plugin. The files are opened and locked in get_ready, so that whoever
// starts the server sees what is wrong with them; nbdkit may fork behind that, so the control
// socket's thread begins in after_fork.
#include <fmt/format.h>

#include "apps/flags/documents.h"
#include "apps/nbdkit-logwrites/parameters.h"
#include "apps/nbdkit/callbacks.h"
#include "record/control.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace powercut::apps {
namespace {

struct Plugin {
  flags::Parameters given;
  LogwritesParameters parameters;
  std::unique_ptr<record::RecordingDevice> device;
  std::unique_ptr<record::ControlServer> control;
};

Plugin& self() {
  return *Kept<Plugin>::state;
}

record::RecordingDevice& device() {
  return *self().device;
}

BlockDevice& device_of(void*) {
  return device();
}

int config_complete() {
  return guarded([]() -> Status {
    LogwritesParameters parameters = POWERCUT_TRY(read_parameters(self().given));
    if (parameters.control) parameters.control = POWERCUT_TRY(absolute(*parameters.control));
    self().parameters = std::move(parameters);
    return {};
  });
}

int get_ready() {
  return guarded([]() -> Status {
    self().device = POWERCUT_TRY(record::open_recording(
        self().parameters.recording, [](const auto& text) { nbdkit_error("%s", text.c_str()); }));
    return {};
  });
}

int after_fork() {
  return guarded([]() -> Status {
    const auto& path = self().parameters.control;
    if (path) self().control = POWERCUT_TRY(record::ControlServer::start(*path, device()));
    return {};
  });
}

void cleanup() {
  (void)guarded([]() -> Status {
    self().control.reset();
    if (self().device == nullptr) return {};
    Status status = device().close();
    self().device.reset();
    return status;
  });
}

void* open(int) {
  return NBDKIT_HANDLE_NOT_NEEDED;
}

int64_t get_size(void*) {
  return static_cast<int64_t>(device().size_bytes());
}

int yes(void*) {
  return 1;
}

int block_size(void*, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
  const std::uint32_t sector_size = device().sector_size();
  *minimum = std::min(sector_size, kMaxMinimumBlock);
  *preferred = std::clamp(sector_size, kPreferredBlock, kMaxPreferredBlock);
  *maximum = kMaximumBlock;
  return 0;
}

void dump_plugin() {
  fmt::print("powercut_version={}\n", POWERCUT_VERSION);
  fmt::print("powercut_log_version={}\n", log::kVersion);
  fmt::print("powercut_log_extension_version={}\n", log::kExtensionVersion);
}

nbdkit_plugin make_plugin() {
  // nbdkit keeps the pointers for as long as it runs.
  static const std::string help = flags::parameters_text(logwrites_program().root);
  static const std::string summary = logwrites_program().root.summary;
  nbdkit_plugin result = {};
  Kept<Plugin>::set_callbacks(result);
  set_request_callbacks<device_of>(result);
  result.name = "logwrites";
  result.longname = "powercut recorder";
  result.version = POWERCUT_VERSION;
  result.description = summary.c_str();
  result.config_complete = config_complete;
  result.config_help = help.c_str();
  result.magic_config_key = "file";
  result.dump_plugin = dump_plugin;
  result.get_ready = get_ready;
  result.after_fork = after_fork;
  result.cleanup = cleanup;
  result.open = open;
  result.get_size = get_size;
  result.can_multi_conn = yes;
  result.block_size = block_size;
  return result;
}

nbdkit_plugin plugin = make_plugin();

}  // namespace
}  // namespace powercut::apps

NBDKIT_REGISTER_PLUGIN(powercut::apps::plugin)
