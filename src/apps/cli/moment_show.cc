// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/moment_show.h"

#include <fmt/format.h>

namespace powercut::apps {

namespace {

using state::DiscardPolicy;
using Kind = state::Survival::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kDurable:
      return "durable";
    case Kind::kKept:
      return "kept";
    case Kind::kTorn:
      return "torn";
    case Kind::kLost:
      return "lost";
    case Kind::kBehind:
      return "absent";
  }
  return "unknown";
}

}  // namespace

void put_moment(Json& json, const std::string& prefix, const std::string& name,
                EntryIndex entries) {
  if (state::is_crash_state_text(name)) {
    json[prefix + "_state"] = name;
  } else {
    json[prefix + "_entry"] = entries;
  }
}

bool EntryEffect::is_nothing() const {
  return survival.kind == Kind::kLost || survival.kind == Kind::kBehind ||
         discard.kind == DiscardPolicy::Kind::kStale;
}

bool EntryEffect::is_like(const EntryEffect& other) const {
  if (is_nothing() || other.is_nothing()) return is_nothing() == other.is_nothing();
  return survival.units == other.survival.units && unit_bytes == other.unit_bytes &&
         discard == other.discard;
}

EntryEffect effect_in(const state::Moment& moment, EntryIndex entry,
                      const index::EntrySummary& summary) {
  if (!moment.crash_state) return {{entry < moment.least ? Kind::kKept : Kind::kBehind}};
  EntryEffect effect{state::survival_of(*moment.crash_state, entry)};
  if (effect.survival.kind == Kind::kTorn) effect.unit_bytes = moment.crash_state->unit_bytes;
  if (summary.is_discard()) effect.discard = moment.crash_state->discard;
  return effect;
}

std::string to_text(const EntryEffect& effect) {
  std::string text = name_of(effect.survival.kind);
  if (effect.survival.kind == Kind::kTorn)
    text += fmt::format(" (units {})", to_string(effect.survival.units));
  if (effect.discard.kind == DiscardPolicy::Kind::kStale) text += " (left the old data)";
  if (effect.discard.kind == DiscardPolicy::Kind::kRandom) text += " (left noise)";
  return text;
}

void put_effect(Json& json, const std::string& name, const EntryEffect& effect) {
  json[name] = name_of(effect.survival.kind);
  if (effect.survival.kind == Kind::kTorn) json[name + "_units"] = to_string(effect.survival.units);
}

}  // namespace powercut::apps
