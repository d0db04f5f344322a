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

namespace powercut::replay {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "powercut image state";
constexpr int kVersion = 1;
constexpr ByteCount kMaxFileBytes = 64 * kKiB;
constexpr std::uint64_t kSamples = 32;
constexpr ByteCount kSampleBytes = 4 * kKiB;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::string encode(const ImageState& state) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["state"] = state.is_exact() ? "at" : "moving";
  if (state.is_exact()) {
    json["entry"] = state.position->least;
    json["image"] = {{"size_bytes", state.image.size_bytes},
                     {"inode", state.image.inode},
                     {"modified_ns", state.image.modified_ns}};
  } else {
    json["between"] = nullptr;
    if (state.position) json["between"] = {state.position->least, state.position->greatest};
    json["to"] = state.to;
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

// Throws what the library throws where a member is missing or of another type.
std::optional<ImageState> decode(const Json& json) {
  if (json.at("format") != kFormat || json.at("version") != kVersion) return std::nullopt;
  const auto number = [&](const Json& value) {
    // The library would take a negative number for a large one.
    if (!value.is_number_unsigned()) throw std::invalid_argument("not a number");
    return value.get<std::uint64_t>();
  };
  ImageState state;
  if (json.at("state") == "at") {
    const EntryIndex entry = number(json.at("entry"));
    state.position = Position{entry, entry};
    state.to = entry;
    const Json& image = json.at("image");
    state.image = {number(image.at("size_bytes")), number(image.at("inode")),
                   number(image.at("modified_ns"))};
  } else {
    const Json& between = json.at("between");
    if (!between.is_null()) state.position = Position{number(between.at(0)), number(between.at(1))};
    if (state.position && state.position->least >= state.position->greatest) return std::nullopt;
    state.to = number(json.at("to"));
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
  return state;
}

std::optional<ImageState> parse(const std::string& text) {
  try {
    return decode(Json::parse(text));
  } catch (const std::exception&) {  // whatever is wrong with it
    return std::nullopt;
  }
}

}  // namespace

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
  auto state = parse(text);
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
  const std::string text = encode(state);
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
