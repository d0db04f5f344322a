// SPDX-License-Identifier: Apache-2.0
#include "support/golden.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/rounds.h"

namespace powercut::test {
namespace {

constexpr std::string_view kManifestSuffix = ".manifest.json";

std::vector<char> read_whole(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(fmt::format("cannot open '{}'", path));
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

bool is_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Zeroes become holes, as the recorders left them.
void unpack(const std::string& packed_path, File& out) {
  const std::vector<char> packed = read_whole(packed_path);
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  std::vector<std::byte> buffer(64 * kKiB);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  ByteOffset at = 0;
  bool more = true;
  while (more) {
    ZSTD_outBuffer chunk{buffer.data(), buffer.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &chunk, &in);
    if (ZSTD_isError(left))
      throw std::runtime_error(fmt::format("'{}': {}", packed_path, ZSTD_getErrorName(left)));
    if (left != 0 && in.pos == in.size && chunk.pos < chunk.size) {
      throw std::runtime_error(fmt::format("'{}' ends too early", packed_path));
    }
    const ConstBytes bytes = ConstBytes(buffer).first(chunk.pos);
    const Status status =
        is_zero(bytes) ? out.write_zeroes({at, at + bytes.size()}) : out.write_at(at, bytes);
    if (!status) throw std::runtime_error(status.error().message);
    at += bytes.size();
    more = left != 0 || in.pos < in.size;
  }
}

}  // namespace

std::unique_ptr<PosixFile> GoldenLog::unpack() const {
  auto file = PosixFile::open_temporary();
  if (!file) throw std::runtime_error(file.error().message);
  test::unpack(packed_path, **file);
  return std::move(*file);
}

void GoldenLog::unpack_to(const std::string& path) const {
  auto file = PosixFile::open(
      path, {.writable = true, .create = OpenOptions::Create::kIfAbsent, .truncate = true});
  if (!file) throw std::runtime_error(file.error().message);
  test::unpack(packed_path, **file);
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(POWERCUT_GOLDEN_DIR)) {
    const std::string name = item.path().filename().string();
    if (name.ends_with(kManifestSuffix))
      names.push_back(name.substr(0, name.size() - kManifestSuffix.size()));
  }
  if (names.empty()) throw std::runtime_error("no golden logs in " POWERCUT_GOLDEN_DIR);
  std::sort(names.begin(), names.end());
  return names;
}

GoldenLog golden_log(const std::string& name) {
  const std::string base = fmt::format("{}/{}", POWERCUT_GOLDEN_DIR, name);
  const nlohmann::json manifest =
      nlohmann::json::parse(read_whole(base + std::string(kManifestSuffix)));
  GoldenLog log;
  log.name = name;
  log.packed_path = base + ".log.zst";
  manifest.at("sectorsize").get_to(log.sector_size);
  manifest.at("nr_entries").get_to(log.nr_entries);
  manifest.at("data_disk_bytes").get_to(log.device_size_bytes);
  manifest.at("log_file_bytes").get_to(log.file_size_bytes);
  manifest.at("log_sha256").get_to(log.log_sha256);
  manifest.at("replay_image_sha256").get_to(log.replay_image_sha256);
  manifest.at("final_image_sha256").get_to(log.final_image_sha256);
  log.stale_bytes_after_end = manifest.value("stale_bytes_after_log_end", false);
  if (manifest.contains("log_used_bytes"))
    log.used_bytes = manifest.at("log_used_bytes").get<ByteCount>();
  if (manifest.contains("entry_kinds")) manifest.at("entry_kinds").get_to(log.entry_kinds);
  if (manifest.contains("marks_set_but_not_in_log")) {
    manifest.at("marks_set_but_not_in_log").get_to(log.marks_not_in_log);
  }
  if (manifest.contains("marks")) {
    log.marks.emplace();
    for (const auto& mark : manifest.at("marks")) {
      log.marks->push_back(
          {mark.at("name").get<std::string>(), mark.at("entry").get<EntryIndex>()});
    }
  }
  return log;
}

std::vector<GoldenLog> golden_logs() {
  std::vector<std::string> names = golden_names();
  if (kOneIn > 1) names = {"raw-fua-overlap-512", "ext4-4096", "ext4-discard"};
  if (kOneIn > 10) names.resize(1);
  std::vector<GoldenLog> logs;
  for (const std::string& name : names) logs.push_back(golden_log(name));
  return logs;
}

}  // namespace powercut::test
