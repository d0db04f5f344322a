// SPDX-License-Identifier: Apache-2.0
#include "state/crash_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/prng.h"

namespace powercut::state {
namespace {

using enum Standing;
using enum Fate;

constexpr std::nullopt_t kAny = std::nullopt;

constexpr Rule kRules[] = {
    // data  prefix FUA    standing    fate
    {false, kAny, kAny, kAny, kNoData},   {true, kAny, kAny, kFlushed, kMust},
    {true, true, kAny, kDone, kMust},     {true, true, kAny, kUnderWay, kAbsent},
    {true, false, true, kDone, kMust},    {true, false, false, kDone, kMay},
    {true, false, kAny, kUnderWay, kMay}, {true, kAny, kAny, kLater, kAbsent},
};

bool has_data(EntryKind kind) {
  return kind == EntryKind::kWrite || kind == EntryKind::kZeroes || kind == EntryKind::kDiscard;
}

template <typename T>
bool suits(const std::optional<T>& condition, T value) {
  return !condition || *condition == value;
}

}  // namespace

const char* to_string(Model model) {
  switch (model) {
    case Model::kPrefix:
      return "prefix";
    case Model::kEpoch:
      return "epoch";
    case Model::kExact:
      return "exact";
  }
  return "";
}

std::optional<Model> parse_model(std::string_view text) {
  for (const Model model : kModels) {
    if (text == to_string(model)) return model;
  }
  return std::nullopt;
}

EntryKind kind_of(const index::EntrySummary& entry) {
  if (entry.is_pending_flush) return EntryKind::kFlushPending;
  if (entry.is_mark()) return EntryKind::kMark;
  if (entry.writes()) {
    if (entry.is_discard()) return EntryKind::kDiscard;
    return entry.reads_as_zeroes ? EntryKind::kZeroes : EntryKind::kWrite;
  }
  return entry.is_flush() ? EntryKind::kFlush : EntryKind::kNothing;
}

std::span<const Rule> crash_rules() {
  return kRules;
}

bool matches(const Rule& rule, Model model, EntryKind kind, bool is_fua, Standing standing) {
  return suits(rule.has_data, has_data(kind)) && suits(rule.is_prefix, model == Model::kPrefix) &&
         suits(rule.is_fua, is_fua) && suits(rule.standing, standing);
}

Fate fate_of(Model model, EntryKind kind, bool is_fua, Standing standing) {
  const auto* const rule =
      std::find_if(std::begin(kRules), std::end(kRules),
                   [&](const Rule& each) { return matches(each, model, kind, is_fua, standing); });
  POWERCUT_CHECK(rule != std::end(kRules));
  return rule->fate;
}

Result<DiscardPolicy> parse_discard_policy(std::string_view text, std::uint64_t default_seed) {
  using Kind = DiscardPolicy::Kind;
  if (text == "zeroes") return DiscardPolicy{};
  if (text == "stale") return DiscardPolicy{.kind = Kind::kStale};
  if (text == "random") return DiscardPolicy{.kind = Kind::kRandom, .seed = default_seed};
  constexpr std::string_view kRandom = "random:";
  if (text.starts_with(kRandom)) {
    DiscardPolicy policy{.kind = Kind::kRandom};
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + kRandom.size(), end, policy.seed);
    if (error == std::errc() && last == end) return policy;
  }
  return usage_error(fmt::format(
      "'{}' is not what discarded ranges can read as: zeroes, stale, random or random:SEED", text));
}

void fill_with_noise(std::uint64_t seed, EntryIndex entry, ByteOffset offset, MutableBytes buffer) {
  const std::uint64_t of_entry = Prng(seed ^ Prng(entry)())();
  for (std::size_t i = 0; i < buffer.size();) {
    const ByteOffset at = offset + i;
    std::uint64_t word = Prng(of_entry + at / 8)() >> (8 * (at % 8));
    for (ByteOffset end = 8 - at % 8; end > 0 && i < buffer.size(); --end, ++i, word >>= 8)
      buffer[i] = static_cast<std::byte>(word);
  }
}

}  // namespace powercut::state
