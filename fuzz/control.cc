// SPDX-License-Identifier: Apache-2.0
// The control socket's requests, a line each: every line gets one line of JSON that says whether
// it was done; what was marked stands in the log.
#include "record/control.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "base/check.h"
#include "block/memory_device.h"
#include "fuzz/target.h"
#include "io/memory_file.h"
#include "log/reader.h"
#include "log/writer.h"
#include "support/shared_file.h"

namespace powercut::record {
namespace {

constexpr ByteCount kDeviceSize = 4096;

void fuzz_line(RecordingDevice& device, std::string_view line, std::vector<std::string>& marks) {
  const std::string answer = answer_control_line(device, line);
  POWERCUT_CHECK(answer.find('\n') == std::string::npos);
  POWERCUT_CHECK(answer.size() < 2 * kMaxControlLine);
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  POWERCUT_CHECK(json.is_object() && json.contains("ok") && json["ok"].is_boolean());
  if (!json["ok"].get<bool>()) {
    POWERCUT_CHECK(json["error"].is_string() && json["errno"].is_number());
    POWERCUT_CHECK(json["errno"].get<int>() != 0);
  } else if (line.starts_with("mark ")) {
    marks.emplace_back(line.substr(5));
  } else {
    POWERCUT_CHECK(line == "status" || line == "flush");
  }
}

void fuzz_lines(std::string_view lines) {
  const auto file = std::make_shared<MemoryFile>("fuzz.log");
  log::WriterOptions options;
  options.device_size_bytes = kDeviceSize;
  auto writer = log::Writer::create(std::make_unique<test::SharedFile>(file), options);
  POWERCUT_CHECK(writer);
  auto device =
      RecordingDevice::make(std::make_shared<MemoryDevice>(kDeviceSize), *std::move(writer),
                            "fuzz.log", OnLogError::kFail, [](const std::string&) {});
  POWERCUT_CHECK(device);
  std::vector<std::string> marks;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    fuzz_line(**device, lines.substr(0, end), marks);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  POWERCUT_CHECK((*device)->close());
  auto reader = log::Reader::open(*file);
  POWERCUT_CHECK(reader);
  auto mark = marks.begin();
  while (const auto entry = reader->next()) {
    if (entry->is_flush()) continue;
    POWERCUT_CHECK(mark != marks.end() && entry->mark == *mark);
    ++mark;
  }
  POWERCUT_CHECK(mark == marks.end() && reader->ending().is_whole());
}

}  // namespace
}  // namespace powercut::record

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > powercut::record::kMaxControlLine) return 0;
  powercut::record::fuzz_lines({reinterpret_cast<const char*>(data), size});
  return 0;
}
