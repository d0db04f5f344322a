// SPDX-License-Identifier: Apache-2.0
// What is kept of an image that was replayed onto: whatever can be read is sound, and is written so that
// it reads as the same.
#include "replay/image_state.h"

#include <string_view>

#include "base/check.h"
#include "fuzz/target.h"
#include "state/state_id.h"

namespace powercut::replay {
namespace {

void fuzz(std::string_view text) {
  const auto state = parse_image_state(text);
  if (!state) return;
  POWERCUT_CHECK(state::parse_state_id(state->name));
  POWERCUT_CHECK(state->position || !state->has_arrived);
  POWERCUT_CHECK(!state->position || state->position->least <= state->position->greatest);
  POWERCUT_CHECK(parse_image_state(to_text(*state)) == *state);
}

}  // namespace
}  // namespace powercut::replay

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  powercut::replay::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
