// SPDX-License-Identifier: Apache-2.0
// The name of a crash state: what can be read is printed so that it reads as the same; and of those that
// a small log has, the canonical name stands for the same content.
#include "state/state_id.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "fuzz/target.h"
#include "state/timeline.h"
#include "support/crash_states.h"

namespace powercut::state {
namespace {

constexpr ByteCount kDeviceBytes = 16 * 512;

// By position and by ticks there is something to choose at most cuts.
const Timeline& timeline() {
  static const auto made = [] {
    test::CrashLog log;
    log.ticks(1, 2).write(0, "ABCDEFGH").ticks(3, 6).flush().ticks(4, 5).write(3, "IJKL");
    log.ticks(7, 9).discard(1, 4).ticks(8, 10).fua(2, "MN").ticks(11, 0).pending_flush();
    log.ticks(12, 14).zeroes(5, 3).ticks(13, 15).write(1, "OPQRSTUVWXYZ").ticks(16, 17).flush();
    auto timeline = Timeline::open(log.build().file("x.log"), {.size_bytes = kDeviceBytes});
    POWERCUT_CHECK(timeline);
    return *std::move(timeline);
  }();
  return *made;
}

std::vector<std::byte> content_of(LogView& view) {
  std::vector<std::byte> bytes(kDeviceBytes);
  POWERCUT_CHECK(view.read(0, bytes));
  return bytes;
}

void fuzz(std::string_view text) {
  const auto id = parse_state_id(text);
  POWERCUT_CHECK(id || id.error().kind == ErrorKind::kUsage);
  if (!id) return;
  const std::string printed = to_string(*id);
  const auto again = parse_state_id(printed);
  POWERCUT_CHECK(again && *again == *id && to_string(*again) == printed);
  POWERCUT_CHECK(std::all_of(printed.begin(), printed.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '.' || c == '-';
  }));

  const auto moment = timeline().moment(*id);
  POWERCUT_CHECK(moment || moment.error().kind == ErrorKind::kUsage);
  if (!moment) return;
  const auto canonical = timeline().moment(moment->name);
  POWERCUT_CHECK(canonical && canonical->name == moment->name);
  POWERCUT_CHECK(content_of(*canonical->view) == content_of(*moment->view));
}

}  // namespace
}  // namespace powercut::state

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  powercut::state::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
