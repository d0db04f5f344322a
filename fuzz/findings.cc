// SPDX-License-Identifier: Apache-2.0
// A line of a findings file: whatever can be read is written so that it reads as the same.
#include <string_view>

#include "base/check.h"
#include "findings/finding.h"
#include "fuzz/target.h"

namespace powercut::findings {
namespace {

void fuzz(std::string_view line) {
  const auto record = from_json(line);
  POWERCUT_CHECK(record || record.error().kind == ErrorKind::kBadInput);
  if (!record) return;
  const std::string written = to_json(*record);
  POWERCUT_CHECK(written.find('\n') == std::string::npos);
  const auto again = from_json(written);
  POWERCUT_CHECK(again && *again == *record && to_json(*again) == written);
}

}  // namespace
}  // namespace powercut::findings

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  powercut::findings::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
