// SPDX-License-Identifier: Apache-2.0
#include "state/state_id.h"

#include <fmt/format.h>

#include <charconv>

namespace powercut::state {
namespace {

using Kind = DiscardPolicy::Kind;

// Takes a text apart from the front.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  // The text up to the next ':'; nothing at the end.
  std::optional<std::string_view> next() {
    if (is_at_end_) return std::nullopt;
    const std::size_t colon = rest_.find(':');
    const std::string_view word = rest_.substr(0, colon);
    is_at_end_ = colon == std::string_view::npos;
    if (!is_at_end_) rest_.remove_prefix(colon + 1);
    return word;
  }

 private:
  std::string_view rest_;
  bool is_at_end_ = false;
};

// As to_string prints it, so that a state has one text: no sign, no leading zero.
std::optional<std::uint64_t> parse_canonical(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return value;
}

std::optional<std::vector<NumberRange>> parse_list(std::string_view text) {
  std::vector<NumberRange> ranges;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view range = text.substr(begin, end - begin);
    const std::size_t dash = range.find('-');
    const auto first = parse_canonical(range.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_canonical(range.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    if (dash != std::string_view::npos && *first == *last) return std::nullopt;
    if (!ranges.empty() && *first <= ranges.back().last) return std::nullopt;
    ranges.push_back({*first, *last});
    begin = end + 1;
  }
  return ranges;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), words_(text) {}

  Result<StateId> parse() {
    POWERCUT_TRY_STATUS(parse_cut());
    int last = -1;
    while (const auto word = words_.next()) {
      const int place = place_of(*word);
      if (place < 0) return wrong(fmt::format("'{}' is no part of one", *word));
      if (place < last || (place == last && *word != "torn"))
        return wrong(fmt::format("'{}' is not in its place, or stands there twice", *word));
      last = place;
      POWERCUT_TRY_STATUS(parse_part(*word));
    }
    if (id_.model == Model::kPrefix &&
        (!id_.entries.empty() || !id_.torn.empty() || id_.without.has_value())) {
      return wrong("of entry:N nothing is lost or torn, with or without any flush");
    }
    if (id_.unit_bytes != 0 && id_.torn.empty()) return wrong("'unit' goes with 'torn'");
    return std::move(id_);
  }

 private:
  [[nodiscard]] Unexpected wrong(std::string_view why) const {
    return usage_error(fmt::format(
        "'{}' is not a crash state: {}; one is written entry:N, epoch:N or exact:TICK, "
        "the latter two with :lost:LIST or :kept:LIST, :torn:N:LIST, :unit:BYTES, "
        ":discard:stale or :discard:random:SEED, :without:N behind, as epoch:412:lost:409-411.415",
        text_, why));
  }

  static int place_of(std::string_view word) {
    if (word == "lost" || word == "kept") return 0;
    if (word == "torn") return 1;
    if (word == "unit") return 2;
    if (word == "discard") return 3;
    return word == "without" ? 4 : -1;
  }

  Result<std::uint64_t> number(std::string_view what) {
    const auto word = words_.next();
    const auto value = word ? parse_canonical(*word) : std::nullopt;
    if (!value) return wrong(fmt::format("there is no number behind '{}'", what));
    return *value;
  }

  Result<std::vector<NumberRange>> list(std::string_view what) {
    const auto word = words_.next();
    auto ranges = word ? parse_list(*word) : std::nullopt;
    if (!ranges)
      return wrong(fmt::format("there is no list of rising numbers behind '{}', as 3-5.9", what));
    return *std::move(ranges);
  }

  Status parse_cut() {
    const std::string_view word = *words_.next();
    if (word != "entry") {
      const auto model = parse_model(word);
      if (!model || *model == Model::kPrefix) return wrong(fmt::format("'{}' is no model", word));
      id_.model = *model;
    }
    id_.cut = POWERCUT_TRY(number(word));
    return {};
  }

  Status parse_part(std::string_view word) {
    if (word == "torn") return parse_tear();
    if (word == "discard") return parse_discard();
    if (word == "without") {
      id_.without = POWERCUT_TRY(number(word));
      return {};
    }
    if (word == "unit") {
      id_.unit_bytes = POWERCUT_TRY(number(word));
      if (!is_power_of_two(id_.unit_bytes)) return wrong("a unit is a power of two");
      return {};
    }
    id_.list = word == "lost" ? StateId::List::kLost : StateId::List::kKept;
    id_.entries = POWERCUT_TRY(list(word));
    return {};
  }

  Status parse_tear() {
    StateId::Tear tear;
    tear.entry = POWERCUT_TRY(number("torn"));
    if (!id_.torn.empty() && tear.entry <= id_.torn.back().entry)
      return wrong("torn entries stand in rising order");
    tear.units = POWERCUT_TRY(list("torn"));
    id_.torn.push_back(std::move(tear));
    return {};
  }

  Status parse_discard() {
    const std::string_view kind = words_.next().value_or("");
    if (kind == "stale") {
      id_.discard = {.kind = Kind::kStale};
    } else if (kind == "random") {
      id_.discard = {.kind = Kind::kRandom, .seed = POWERCUT_TRY(number("random"))};
    } else {
      return wrong("behind 'discard' stands stale, or random:SEED");
    }
    return {};
  }

  const std::string_view text_;
  Words words_;
  StateId id_;
};

}  // namespace

std::string to_string(const std::vector<NumberRange>& ranges) {
  std::string text;
  for (const auto& [first, last] : ranges) {
    if (!text.empty()) text += '.';
    text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
  }
  return text;
}

std::string to_string(const StateId& id) {
  std::string text = id.model == Model::kPrefix ? fmt::format("entry:{}", id.cut)
                                                : fmt::format("{}:{}", to_string(id.model), id.cut);
  if (!id.entries.empty()) {
    text += fmt::format(":{}:{}", id.list == StateId::List::kLost ? "lost" : "kept",
                        to_string(id.entries));
  }
  for (const auto& tear : id.torn)
    text += fmt::format(":torn:{}:{}", tear.entry, to_string(tear.units));
  if (id.unit_bytes != 0) text += fmt::format(":unit:{}", id.unit_bytes);
  if (id.discard.kind == Kind::kStale) text += ":discard:stale";
  if (id.discard.kind == Kind::kRandom) text += fmt::format(":discard:random:{}", id.discard.seed);
  if (id.without) text += fmt::format(":without:{}", *id.without);
  return text;
}

bool is_crash_state_text(std::string_view text) {
  if (text.starts_with("epoch:") || text.starts_with("exact:")) return true;
  constexpr std::string_view kEntry = "entry:";
  return text.starts_with(kEntry) && text.find(':', kEntry.size()) != std::string_view::npos;
}

Result<StateId> parse_state_id(std::string_view text) {
  const std::size_t nested = text.find('~');
  if (nested != std::string_view::npos) {
    return usage_error(fmt::format(
        "'{}' lies inside the recovery from another state, which is in no file: powercut explore "
        "--nested --at {} records that again",
        text, text.substr(0, nested)));
  }
  return Parser(text).parse();
}

}  // namespace powercut::state
