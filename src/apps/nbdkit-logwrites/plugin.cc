// SPDX-License-Identifier: Apache-2.0
//
// The recorder as an nbdkit plugin. The files are opened and locked in get_ready, so that whoever
// starts the server sees what is wrong with them; nbdkit may fork behind that, so the control
// socket's thread begins in after_fork. The process that nbdkit leaves by that fork runs no code
// of ours: the state below is therefore a plain pointer, which only cleanup destroys.
#define NBDKIT_API_VERSION 2
#include <fmt/format.h>
#include <nbdkit-plugin.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "apps/flags/documents.h"
#include "apps/nbdkit-logwrites/parameters.h"
#include "record/control.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace powercut::apps {
namespace {

// What nbdkit lets a plugin advertise as the minimum.
constexpr std::uint32_t kMaxMinimumBlock = 64 * kKiB;
constexpr std::uint32_t kPreferredBlock = 4 * kKiB;
constexpr std::uint32_t kMaxPreferredBlock = 32 * kMiB;
constexpr std::uint32_t kMaximumBlock = 32 * kMiB;

struct Plugin {
  flags::Parameters given;
  LogwritesParameters parameters;
  std::unique_ptr<record::RecordingDevice> device;
  std::unique_ptr<record::ControlServer> control;
};

Plugin* the_plugin = nullptr;

int report(const Error& error) {
  nbdkit_error("%s", error.message.c_str());
  nbdkit_set_error(error.client_errno());
  return -1;
}

// Runs a callback's body; neither an Error nor an exception gets past it.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    const Status status = body();
    return status ? 0 : report(status.error());
  } catch (const std::bad_alloc&) {
    nbdkit_error("out of memory");
    nbdkit_set_error(ENOMEM);
  } catch (const std::exception& exception) {
    nbdkit_error("%s", exception.what());
    nbdkit_set_error(EIO);
  }
  return -1;
}

record::RecordingDevice& device() {
  return *the_plugin->device;
}

Fua fua_of(std::uint32_t flags) {
  return (flags & NBDKIT_FLAG_FUA) != 0 ? Fua::kYes : Fua::kNo;
}

void load() {
  the_plugin = new Plugin;
}

void unload() {
  delete the_plugin;
  the_plugin = nullptr;
}

// nbdkit changes to the root directory when it goes into the background.
Result<std::string> absolute(const std::string& path) {
  char* absolute_path = nbdkit_absolute_path(path.c_str());
  if (absolute_path == nullptr) return environment_error(path);
  std::string result = absolute_path;
  std::free(absolute_path);  // NOLINT: it comes from malloc
  return result;
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

MutableBytes as_bytes(void* buffer, uint32_t count) {
  return {static_cast<std::byte*>(buffer), count};
}

ConstBytes as_bytes(const void* buffer, uint32_t count) {
  return {static_cast<const std::byte*>(buffer), count};
}

int pread(void*, void* buffer, uint32_t count, uint64_t offset, uint32_t) {
  return guarded([&] { return device().read(offset, as_bytes(buffer, count)); });
}

int pwrite(void*, const void* buffer, uint32_t count, uint64_t offset, uint32_t flags) {
  return guarded([&] { return device().write(offset, as_bytes(buffer, count), fua_of(flags)); });
}

int zero(void*, uint32_t count, uint64_t offset, uint32_t flags) {
  const Unmap unmap = (flags & NBDKIT_FLAG_MAY_TRIM) != 0 ? Unmap::kYes : Unmap::kNo;
  return guarded([&] {
    return device().write_zeroes({offset, offset + count}, unmap, fua_of(flags));
  });
}

int trim(void*, uint32_t count, uint64_t offset, uint32_t flags) {
  return guarded([&] { return device().discard({offset, offset + count}, fua_of(flags)); });
}

int flush(void*, uint32_t) {
  return guarded([] { return device().flush(); });
}

int extents(void*, uint32_t count, uint64_t offset, uint32_t flags, nbdkit_extents* result) {
  const auto add = [&](ByteOffset begin, ByteOffset end, std::uint32_t type) -> Status {
    if (begin < end && nbdkit_add_extent(result, begin, end - begin, type) == -1)
      return os_error("cannot add an extent");
    return {};
  };
  return guarded([&]() -> Status {
    const ByteOffset end = offset + count;
    for (ByteOffset position = offset; position < end;) {
      const auto data = POWERCUT_TRY(device().next_data(position));
      const ByteOffset data_begin = data ? std::min(data->begin, end) : end;
      const ByteOffset data_end = data ? std::min(data->end, end) : end;
      POWERCUT_TRY_STATUS(add(position, data_begin, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO));
      POWERCUT_TRY_STATUS(add(data_begin, data_end, 0));
      position = data_end;
      if ((flags & NBDKIT_FLAG_REQ_ONE) != 0) break;
    }
    return {};
  });
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
