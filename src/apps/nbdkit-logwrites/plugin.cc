// SPDX-License-Identifier: Apache-2.0
//
// The recorder as an nbdkit plugin. The files are opened and locked in get_ready, so that whoever
// starts the server sees what is wrong with them; nbdkit may fork behind that, so the control
// socket's thread begins in after_fork. The process that nbdkit leaves by that fork runs no code
// of ours: the state below is therefore a plain pointer, which only cleanup destroys.
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

Plugin* the_plugin = nullptr;

record::RecordingDevice& device() {
  return *the_plugin->device;
}

void load() {
  the_plugin = new Plugin;
}

void unload() {
  delete the_plugin;
  the_plugin = nullptr;
}

int config(const char* key, const char* value) {
  return guarded([&]() -> Status {
    the_plugin->given.emplace_back(key, value);
    return {};
  });
}

int config_complete() {
  return guarded([]() -> Status {
    LogwritesParameters parameters = POWERCUT_TRY(read_parameters(the_plugin->given));
    if (parameters.control) parameters.control = POWERCUT_TRY(absolute(*parameters.control));
    the_plugin->parameters = std::move(parameters);
    return {};
  });
}

int get_ready() {
  return guarded([]() -> Status {
    the_plugin->device =
        POWERCUT_TRY(record::open_recording(the_plugin->parameters.recording, [](const auto& text) {
          nbdkit_error("%s", text.c_str());
        }));
    return {};
  });
}

int after_fork() {
  return guarded([]() -> Status {
    const auto& path = the_plugin->parameters.control;
    if (path) the_plugin->control = POWERCUT_TRY(record::ControlServer::start(*path, device()));
    return {};
  });
}

void cleanup() {
  (void)guarded([]() -> Status {
    the_plugin->control.reset();
    if (the_plugin->device == nullptr) return {};
    const Status status = device().close();
    the_plugin->device.reset();
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

int can_fua(void*) {
  return NBDKIT_FUA_NATIVE;
}

int block_size(void*, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
  const std::uint32_t sector_size = device().sector_size();
  *minimum = std::min(sector_size, kMaxMinimumBlock);
  *preferred = std::clamp(sector_size, kPreferredBlock, kMaxPreferredBlock);
  *maximum = kMaximumBlock;
  return 0;
}

int pread(void*, void* buffer, uint32_t count, uint64_t offset, uint32_t) {
  return guarded([&] { return device().read(offset, as_bytes(buffer, count)); });
}

int pwrite(void*, const void* buffer, uint32_t count, uint64_t offset, uint32_t flags) {
  return guarded([&] { return device().write(offset, as_bytes(buffer, count), fua_of(flags)); });
}

int zero(void*, uint32_t count, uint64_t offset, uint32_t flags) {
  return guarded([&] {
    return device().write_zeroes({offset, offset + count}, unmap_of(flags), fua_of(flags));
  });
}

int trim(void*, uint32_t count, uint64_t offset, uint32_t flags) {
  return guarded([&] { return device().discard({offset, offset + count}, fua_of(flags)); });
}

int flush(void*, uint32_t) {
  return guarded([] { return device().flush(); });
}

int extents(void*, uint32_t count, uint64_t offset, uint32_t flags, nbdkit_extents* result) {
  return guarded([&] { return add_extents(device(), {offset, offset + count}, flags, result); });
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
  result.name = "logwrites";
  result.longname = "powercut recorder";
  result.version = POWERCUT_VERSION;
  result.description = summary.c_str();
  result.load = load;
  result.unload = unload;
  result.config = config;
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
  result.can_fua = can_fua;
  result.block_size = block_size;
  result.pread = pread;
  result.pwrite = pwrite;
  result.zero = zero;
  result.trim = trim;
  result.flush = flush;
  result.extents = extents;
  return result;
}

nbdkit_plugin plugin = make_plugin();

}  // namespace
}  // namespace powercut::apps

NBDKIT_REGISTER_PLUGIN(powercut::apps::plugin)
