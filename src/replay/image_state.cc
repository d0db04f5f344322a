// SPDX-License-Identifier: Apache-2.0
#include "replay/image_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/unique_fd.h"
#include "io/new_file.h"
#include "log/codec.h"
#include "state/state_id.h"

namespace powercut::replay {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "powercut image state";
constexpr int kVersion = 1;
constexpr ByteCount kMaxFileBytes = 64 * kKiB;
constexpr std::uint64_t kSamples = 32;
constexpr ByteCount kSampleBytes = 4 * kKiB;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::optional<log::Uuid> parse_uuid(const std::string& text) {
  std::string digits = text;
  std::erase(digits, '-');
  log::Uuid uuid{};
  if (digits.size() != 2 * uuid.size() ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
  }
  return uuid;
}

// The library would take a negative number for a large one.
std::uint64_t number(const Json& value) {
  if (!value.is_number_unsigned()) throw std::invalid_argument("not a number");
  return value.get<std::uint64_t>();
}

// One that holds an instant is there exactly, one that holds a crash state between two of them.
bool is_sound(const ImageState& state) {
  const auto id = state::parse_state_id(state.name);
  if (!id || state::to_string(*id) != state.name) return false;
  if (!state.position) return !state.has_arrived;
  if (state.position->least > state.position->greatest) return false;
  if (!state.has_arrived) return !state.position->is_exact();
  return state::is_crash_state_text(state.name) || state.position == Position{id->cut, id->cut};
}

// Throws what the library throws where a member is missing or of another type.
std::optional<ImageState> decode(const Json& json) {
  if (json.at("format") != kFormat || json.at("version") != kVersion) return std::nullopt;
  ImageState state;
  state.has_arrived = json.contains("at");
  state.name = json.at(state.has_arrived ? "at" : "to").get<std::string>();
  if (const Json& between = json.at("between"); !between.is_null())
    state.position = Position{number(between.at(0)), number(between.at(1))};
  if (state.has_arrived) {
    const Json& image = json.at("image");
    state.image = {number(image.at("size_bytes")), number(image.at("inode")),
                   number(image.at("modified_ns"))};
  }
  state.base_path = json.at("base").get<std::string>();
  state.log_path = json.at("log").get<std::string>();
  if (json.contains("log_uuid")) {
    state.log.uuid = parse_uuid(json.at("log_uuid").get<std::string>());
    if (!state.log.uuid) return std::nullopt;
  } else {
    state.log.spanned_bytes = number(json.at("log_bytes"));
    state.log.hash = number(json.at("log_hash"));
  }
  if (!is_sound(state)) return std::nullopt;
  return state;
}

}  // namespace

std::string to_text(const ImageState& state) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json[state.has_arrived ? "at" : "to"] = state.name;
  json["between"] = nullptr;
  if (state.position) json["between"] = {state.position->least, state.position->greatest};
  if (state.has_arrived) {
    json["image"] = {{"size_bytes", state.image.size_bytes},
                     {"inode", state.image.inode},
                     {"modified_ns", state.image.modified_ns}};
  }
  json["base"] = state.base_path;
  json["log"] = state.log_path;
  if (state.log.uuid) {
    json["log_uuid"] = log::to_string(*state.log.uuid);
  } else {
    json["log_bytes"] = state.log.spanned_bytes;
    json["log_hash"] = state.log.hash;
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<ImageState> parse_image_state(std::string_view text) {
  try {
    return decode(Json::parse(text));
  } catch (const std::exception&) {  // whatever is wrong with it
    return std::nullopt;
  }
}

Result<LogIdentity> identity_of(const File& log, const log::SuperBlock& super_block,
                                const LogIdentity* like) {
  LogIdentity identity;
  if (super_block.extension) {
    identity.uuid = super_block.extension->uuid;
    return identity;
  }
  const ByteCount size = POWERCUT_TRY(log.size());
  const ByteCount now = size - std::min<ByteCount>(size, super_block.sector_size);
  identity.spanned_bytes = like != nullptr ? std::min(now, like->spanned_bytes) : now;
  const ByteCount sample = std::min(kSampleBytes, identity.spanned_bytes);
  std::vector<std::byte> bytes(kSamples * sample);
  for (std::uint64_t i = 0; sample > 0 && i < kSamples; ++i) {
    const ByteOffset at = (identity.spanned_bytes - sample) / (kSamples - 1) * i;
    POWERCUT_TRY_STATUS(read_exactly(log, super_block.sector_size + at,
                                     MutableBytes(bytes).subspan(i * sample, sample)));
  }
  identity.hash = log::payload_hash(bytes);
  return identity;
}

Result<ImageStamp> stamp_of(const PosixFile& image) {
  if (image.is_block_device()) return ImageStamp{POWERCUT_TRY(image.size()), 0, 0};
  struct stat info {};
  if (::fstat(image.fd(), &info) != 0)
    return os_error(fmt::format("cannot stat '{}'", image.name()));
  return ImageStamp{static_cast<ByteCount>(info.st_size), info.st_ino,
                    static_cast<std::uint64_t>(info.st_mtim.tv_sec) * kNsPerSecond +
                        static_cast<std::uint64_t>(info.st_mtim.tv_nsec)};
}

Result<std::optional<ImageState>> read_image_state(const std::string& path) {
  const auto file = PosixFile::open(path, {});
  if (!file && file.error().os_errno == ENOENT) return std::nullopt;
  if (!file) return Unexpected(file.error());
  std::string text(std::min(POWERCUT_TRY((*file)->size()), kMaxFileBytes), '\0');
  POWERCUT_TRY_STATUS(read_exactly(**file, 0, std::as_writable_bytes(std::span(text))));
  auto state = parse_image_state(text);
  if (!state) {
    return bad_input(
        fmt::format("'{}' is not what powercut keeps of an image, or damaged; remove it, or name "
                    "another file (--state)",
                    path));
  }
  return state;
}

Status write_image_state(const std::string& path, const ImageState& state) {
  const auto file = POWERCUT_TRY(NewFile::make(path));
  const std::string text = to_text(state);
  POWERCUT_TRY_STATUS(file->file().write_at(0, std::as_bytes(std::span(text))));
  POWERCUT_TRY_STATUS(file->file().sync());
  POWERCUT_TRY_STATUS(file->finish());
  // Its name has to last as well.
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const UniqueFd fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || (::fsync(fd.get()) != 0 && errno != EINVAL)) {
    return os_error(fmt::format("cannot sync the folder of '{}'", path));
  }
  return {};
}

}  // namespace powercut::replay
