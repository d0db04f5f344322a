// SPDX-License-Identifier: Apache-2.0
// What is said of instants and crash states, and of what became of an entry in one.
#pragma once

#include <string>

#include "base/json.h"
#include "state/timeline.h"

namespace powercut::apps {

// PREFIX_entry for an instant, behind so many entries, and PREFIX_state for a crash state.
void put_moment(Json& json, const std::string& prefix, const std::string& name, EntryIndex entries);

// What an entry with data does to the device at an instant or in a crash state.
struct EntryEffect {
  state::Survival survival;
  ByteCount unit_bytes = 0;           // if it is torn
  state::DiscardPolicy discard = {};  // if it is a discard

  [[nodiscard]] bool is_nothing() const;
  // Whether the two leave the same, however that comes about.
  [[nodiscard]] bool is_like(const EntryEffect& other) const;
};
[[nodiscard]] EntryEffect effect_in(const state::Moment& moment, EntryIndex entry,
                                    const index::EntrySummary& summary);

// "kept", "torn (units 0-3)", "durable (left the old data)"
[[nodiscard]] std::string to_text(const EntryEffect& effect);
// NAME: "durable", "kept", "torn", "lost" or "absent"; if it is torn, NAME_units has those that survived.
void put_effect(Json& json, const std::string& name, const EntryEffect& effect);

}  // namespace powercut::apps
