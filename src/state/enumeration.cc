// SPDX-License-Identifier: Apache-2.0
//
// Pairwise: a covering array of strength two over two values, of the least size (Katona 1973; Kleitman
// and Spencer 1973). With R rows it has a column for each way in which ones stand in w = R / 2 (rounded
// up) of the rows 1 to R - 1; row 0 is all zero. Any two columns differ and have
// as many ones: so there is a row with 0 1 and one with 1 0. They have more than half of R - 1: so
// there is one with 1 1. Row 0 has 0 0. R grows as log2 of the columns, and half of log2 of that.
// Nothing is kept: the columns of each row are made in order, by the next number with as many ones.
#include "state/enumeration.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>

#include "base/check.h"
#include "base/prng.h"

namespace powercut::state {
namespace {

using Kind = Strategy::Kind;
using Group = std::shared_ptr<const CrashGroup>;
using Source = std::unique_ptr<ChoiceSource>;

Choice uniform(std::size_t size, bool is_kept) {
  return {.kept = std::vector<bool>(size, is_kept), .torn = {}};
}

class Prefixes final : public ChoiceSource {
 public:
  explicit Prefixes(std::size_t size) : size_(size) {}
  bool next(Choice& choice) override {
    if (next_ > size_) return false;
    choice = uniform(size_, false);
    std::fill_n(choice.kept.begin(), next_++, true);
    return true;
  }
  double size() const override { return static_cast<double>(size_ + 1); }

 private:
  const std::size_t size_;
  std::size_t next_ = 0;
};

// A number of as many digits as W has members: 0 is kept, 1 is lost, from 2 on the tears.
class Exhaustive final : public ChoiceSource {
 public:
  Exhaustive(const CrashGroup& group, ByteCount unit_bytes) : digits_(group.may.size()) {
    units_.reserve(digits_.size());
    for (std::size_t i = 0; i < digits_.size(); ++i)
      units_.push_back(unit_bytes == 0 ? 1 : nr_units(group.may_entry(i).range, unit_bytes));
  }

  bool next(Choice& choice) override {
    if (is_done_) return false;
    choice = uniform(digits_.size(), false);
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      if (digits_[i] == 0) choice.kept[i] = true;
      if (digits_[i] >= 2) choice.torn.push_back({i, tear(units_[i], digits_[i] - 2)});
    }
    is_done_ = !count_up();
    return true;
  }
  double size() const override {
    double number = 1;
    for (const std::uint64_t units : units_) number *= static_cast<double>(2 + nr_tears(units));
    return number;
  }
  bool has_all_pairs() const override { return is_done_; }

 private:
  bool count_up() {
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      if (++digits_[i] < 2 + nr_tears(units_[i])) return true;
      digits_[i] = 0;
    }
    return false;
  }

  std::vector<std::uint64_t> digits_;
  std::vector<std::uint64_t> units_;
  bool is_done_ = false;
};

// Whether n over k is at least `bound`.
bool has_columns(std::uint64_t n, std::uint64_t k, std::uint64_t bound) {
  std::uint64_t columns = 1;
  for (std::uint64_t i = 1; i <= k && columns < bound; ++i) columns = columns * (n - k + i) / i;
  return columns >= bound;
}

class Pairwise final : public ChoiceSource {
 public:
  explicit Pairwise(std::size_t size) : size_(size) {
    if (size < 2) {
      nr_rows_ = 2;
      nr_ones_ = 1;
      return;
    }
    for (nr_rows_ = 4;; ++nr_rows_) {
      nr_ones_ = (nr_rows_ + 1) / 2;
      if (has_columns(nr_rows_ - 1, nr_ones_, size)) break;
    }
  }

  // One is lost.
  bool next(Choice& choice) override {
    if (row_ == nr_rows_) return false;
    choice = uniform(size_, true);
    std::uint64_t column = (std::uint64_t{1} << nr_ones_) - 1;
    for (std::size_t i = 0; i < size_; ++i) {
      if (row_ > 0 && (column >> (row_ - 1) & 1) != 0) choice.kept[i] = false;
      column = next_column(column);
    }
    ++row_;
    return true;
  }
  double size() const override { return static_cast<double>(nr_rows_); }
  bool has_all_pairs() const override { return row_ == nr_rows_; }

 private:
  // The next greater number with as many ones.
  static std::uint64_t next_column(std::uint64_t column) {
    const int zeroes = std::countr_zero(column);
    const std::uint64_t carried = column + (std::uint64_t{1} << zeroes);
    return carried | ((column ^ carried) >> (zeroes + 2));
  }

  const std::size_t size_;
  std::uint64_t nr_rows_ = 0;
  std::uint64_t nr_ones_ = 0;
  std::uint64_t row_ = 0;
};

// All kept, all but each; none, only each. Then, if writes are torn, all kept but for one of which only
// the first unit, all but the first, all but the last, only the last survive.
class One final : public ChoiceSource {
 public:
  One(Group group, ByteCount unit_bytes) : group_(std::move(group)), unit_bytes_(unit_bytes) {}

  bool next(Choice& choice) override {
    const std::size_t size = group_->may.size();
    if (next_ < 2 * (size + 1)) {
      const bool is_kept = next_ <= size;
      const std::size_t which = next_ % (size + 1);
      choice = uniform(size, is_kept);
      if (which > 0) choice.kept[which - 1] = !is_kept;
      ++next_;
      return true;
    }
    return unit_bytes_ != 0 && next_tear(choice);
  }
  double size() const override {
    std::uint64_t number = 2 * (group_->may.size() + 1);
    for (std::size_t i = 0; unit_bytes_ != 0 && i < group_->may.size(); ++i)
      number += nr_ways(nr_units(group_->may_entry(i).range, unit_bytes_));
    return static_cast<double>(number);
  }

 private:
  // With two units, the first way is the third, and the second the fourth.
  static std::size_t nr_ways(std::uint64_t units) { return units < 2 ? 0 : units == 2 ? 2 : 4; }
  bool next_tear(Choice& choice) {
    for (; torn_ < group_->may.size(); ++torn_, way_ = 0) {
      const std::uint64_t units = nr_units(group_->may_entry(torn_).range, unit_bytes_);
      if (way_ == nr_ways(units)) continue;
      const NumberRange ways[] = {{0, 0}, {1, units - 1}, {0, units - 2}, {units - 1, units - 1}};
      choice = uniform(group_->may.size(), true);
      choice.kept[torn_] = false;
      choice.torn = {{torn_, {ways[way_++]}}};
      return true;
    }
    return false;
  }

  const Group group_;
  const ByteCount unit_bytes_;
  std::size_t next_ = 0;
  std::size_t torn_ = 0;
  std::size_t way_ = 0;
};

// How likely a write is to survive changes from state to state: with one and the same, a large group
// would always lose about as much of it.
class Random final : public ChoiceSource {
 public:
  Random(Group group, const ChoiceOptions& options, std::uint64_t number)
      : group_(std::move(group)),
        unit_bytes_(options.unit_bytes),
        number_(number),
        left_(number),
        prng_(options.seed ^ Prng(group_->cut)()) {}

  bool next(Choice& choice) override {
    if (left_ == 0) return false;
    --left_;
    const std::size_t size = group_->may.size();
    choice = uniform(size, false);
    const std::uint64_t eighths = prng_.between(1, 7);
    const bool has_tears = unit_bytes_ != 0 && prng_.one_in(2);
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t units =
          has_tears && prng_.one_in(8) ? nr_units(group_->may_entry(i).range, unit_bytes_) : 1;
      if (units > 1) {
        choice.torn.push_back({i, tear(units, prng_.below(nr_tears(units)))});
      } else {
        choice.kept[i] = prng_.below(8) < eighths;
      }
    }
    return true;
  }
  double size() const override { return static_cast<double>(number_); }

 private:
  const Group group_;
  const ByteCount unit_bytes_;
  const std::uint64_t number_;
  std::uint64_t left_;
  Prng prng_;
};

bool is_uniform(const Choice& choice) {
  return choice.torn.empty() && std::adjacent_find(choice.kept.begin(), choice.kept.end(),
                                                   std::not_equal_to<>()) == choice.kept.end();
}

// Nothing lost, all lost.
class Ends final : public ChoiceSource {
 public:
  explicit Ends(std::size_t size) : size_(size) {}
  bool next(Choice& choice) override {
    if (next_ == (size_ == 0 ? 1 : 2)) return false;
    choice = uniform(size_, next_++ == 0);
    return true;
  }
  double size() const override { return size_ == 0 ? 1 : 2; }

 private:
  const std::size_t size_;
  int next_ = 0;
};

// What another one gives but for the ends, which have been given before.
class WithoutEnds final : public ChoiceSource {
 public:
  explicit WithoutEnds(Source source) : source_(std::move(source)) {}
  bool next(Choice& choice) override {
    while (source_->next(choice)) {
      if (!is_uniform(choice)) return true;
    }
    return false;
  }
  // Some more than are given: how many of the ends there are is another one's matter.
  double size() const override { return source_->size(); }
  bool has_all_pairs() const override { return source_->has_all_pairs(); }

 private:
  const Source source_;
};

class Sequence final : public ChoiceSource {
 public:
  explicit Sequence(std::vector<Source> sources) : sources_(std::move(sources)) {}
  bool next(Choice& choice) override {
    for (; at_ < sources_.size(); ++at_) {
      if (sources_[at_]->next(choice)) return true;
    }
    return false;
  }
  double size() const override {
    double number = 0;
    for (const auto& source : sources_) number += source->size();
    return number;
  }
  bool has_all_pairs() const override {
    return std::any_of(sources_.begin(), sources_.end(),
                       [](const Source& source) { return source->has_all_pairs(); });
  }

 private:
  std::vector<Source> sources_;
  std::size_t at_ = 0;
};

Source make_auto(const Group& group, const ChoiceOptions& options) {
  const std::size_t size = group->may.size();
  std::vector<Source> sources;
  const auto add = [&sources](Source source) {
    sources.push_back(std::make_unique<WithoutEnds>(std::move(source)));
  };
  sources.push_back(std::make_unique<Ends>(size));
  auto torn = std::make_unique<Exhaustive>(*group, options.unit_bytes);
  constexpr auto kAll = static_cast<double>(kAutoStates);
  if (torn->size() <= kAll) {
    add(std::move(torn));
    return std::make_unique<Sequence>(std::move(sources));
  }
  auto whole = std::make_unique<Exhaustive>(*group, 0);
  if (whole->size() <= kAll) {
    add(std::move(whole));
  } else {
    add(std::make_unique<Pairwise>(size));
    add(std::make_unique<Prefixes>(size));
  }
  add(std::make_unique<One>(group, options.unit_bytes));
  sources.push_back(std::make_unique<Random>(group, options, kAutoStates));
  return std::make_unique<Sequence>(std::move(sources));
}

Result<Strategy> parse_strategy(std::string_view text) {
  constexpr std::string_view kRandom = "random:";
  constexpr std::pair<std::string_view, Kind> kNames[] = {{"auto", Kind::kAuto},
                                                          {"prefix", Kind::kPrefix},
                                                          {"exhaustive", Kind::kExhaustive},
                                                          {"pairwise", Kind::kPairwise},
                                                          {"one", Kind::kOne}};
  for (const auto& [name, kind] : kNames) {
    if (text == name) return Strategy{.kind = kind};
  }
  Strategy strategy{.kind = Kind::kRandom};
  if (text.starts_with(kRandom)) {
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + kRandom.size(), end, strategy.number);
    if (error == std::errc() && last == end && strategy.number > 0) return strategy;
  }
  return usage_error(fmt::format(
      "'{}' is no strategy; those are auto, prefix, exhaustive, pairwise, one and random:N", text));
}

}  // namespace

Result<std::vector<Strategy>> parse_strategies(std::string_view text) {
  std::vector<Strategy> strategies;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    strategies.push_back(POWERCUT_TRY(parse_strategy(text.substr(begin, end - begin))));
    begin = end + 1;
  }
  return strategies;
}

std::uint64_t nr_tears(std::uint64_t units) {
  if (units <= kTornInAllWaysUnits) return (std::uint64_t{1} << units) - 2;
  return 2 * (units - 1);
}

std::vector<NumberRange> tear(std::uint64_t units, std::uint64_t number) {
  POWERCUT_CHECK(number < nr_tears(units));
  if (units > kTornInAllWaysUnits) {
    const std::uint64_t length = number / 2 + 1;
    if (number % 2 == 0) return {{0, length - 1}};
    return {{units - length, units - 1}};
  }
  std::vector<NumberRange> ranges;
  const std::uint64_t survived = number + 1;  // a bit for each unit
  for (std::uint64_t i = 0; i < units; ++i) {
    if ((survived >> i & 1) == 0) continue;
    if (!ranges.empty() && ranges.back().last + 1 == i) {
      ranges.back().last = i;
    } else {
      ranges.push_back({i, i});
    }
  }
  return ranges;
}

Source make_choices(const Strategy& strategy, Group group, const ChoiceOptions& options) {
  switch (strategy.kind) {
    case Kind::kAuto:
      return make_auto(group, options);
    case Kind::kPrefix:
      return std::make_unique<Prefixes>(group->may.size());
    case Kind::kExhaustive:
      return std::make_unique<Exhaustive>(*group, options.unit_bytes);
    case Kind::kPairwise:
      return std::make_unique<Pairwise>(group->may.size());
    case Kind::kOne:
      return std::make_unique<One>(std::move(group), options.unit_bytes);
    case Kind::kRandom:
      return std::make_unique<Random>(std::move(group), options, strategy.number);
  }
  return nullptr;
}

std::uint64_t choice_bits(const CrashGroup& group, ByteCount unit_bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < group.may.size(); ++i)
    bits += unit_bytes == 0 ? 1 : nr_units(group.may_entry(i).range, unit_bytes);
  return bits;
}

}  // namespace powercut::state
