// SPDX-License-Identifier: Apache-2.0
// A failing state deviates from the one in which nothing is lost by the writes that are lost or torn. Of
// these deviations a minimal set is looked for that still fails, by Zeller's and Hildebrandt's ddmin: ever
// smaller parts of the set are tried, alone and left out. A step that fails in another way than the
// first state counts as one that passes.
#include "explore/minimise.h"

#include <algorithm>
#include <map>

namespace powercut::explore {
namespace {

using state::Choice;
using state::CrashState;
using Numbers = std::vector<std::size_t>;  // of W, rising

// Sets smaller than what ddmin found.
constexpr std::uint64_t kMostSmaller = 128;

// The search ended early; what has been found stands.
enum class Stop { kInterrupted, kLimit, kError };

class Search {
 public:
  Search(const CrashState& failing, Judge& judge, const MinimiseOptions& options)
      : judge_(judge), max_checks_(options.max_checks), best_{.state = failing} {}

  Result<std::optional<Minimal>> run() {
    search();
    if (error_) return tl::unexpected(*error_);
    if (stop_ == Stop::kInterrupted) return std::optional<Minimal>();
    best_.is_complete = !stop_.has_value();
    return std::optional(std::move(best_));
  }

 private:
  void search() {
    // Also tells how it fails, by the same measure as all that follows.
    if (!judge(best_.state)) return;
    best_.verdict = last_verdict_;
    best_.failed_again = !last_verdict_.passed();
    if (!best_.failed_again) return;
    signature_ = signature_of(last_verdict_);
    bool is_changed = true;
    while (is_changed && !stop_) {
      is_changed = lose_torn();
      const std::size_t before = deviations().size();
      minimise_deviations();
      is_changed = is_changed || deviations().size() < before;
    }
    if (!stop_) find_survivors();
  }

  // False if there is no verdict; else it is in last_verdict_.
  bool judge(const CrashState& state) {
    if (stop_) return false;
    if (best_.checks == max_checks_) {
      stop_ = Stop::kLimit;
      return false;
    }
    ++best_.checks;
    auto judgement = judge_.judge(state);
    if (!judgement) {
      error_ = judgement.error();
      stop_ = Stop::kError;
      return false;
    }
    if (!*judgement) {
      stop_ = Stop::kInterrupted;
      return false;
    }
    last_verdict_ = std::move((*judgement)->verdict);
    return true;
  }

  // Whether the state fails in the same way.
  bool fails(const CrashState& state) {
    const std::string name = state::to_string(state::id_of(state, 0));
    const auto known = known_.find(name);
    if (known != known_.end()) return known->second;
    if (!judge(state)) return false;
    const bool is_same = signature_of(last_verdict_) == signature_;
    known_.emplace(name, is_same);
    return is_same;
  }

  bool accept_if_it_fails(Choice choice) {
    CrashState state = best_.state;
    state.choice = std::move(choice);
    if (!fails(state)) return false;
    best_.state = std::move(state);
    best_.verdict = last_verdict_;
    return true;
  }

  // What a torn write lost in part is lost as a whole, where that fails as well. Whether one was.
  bool lose_torn() {
    const std::size_t before = best_.state.choice.torn.size();
    if (before == 0) return false;
    Choice without = best_.state.choice;
    without.torn.clear();
    if (accept_if_it_fails(std::move(without))) return true;
    for (std::size_t i = before; i-- > 0 && !stop_;) {
      Choice one_less = best_.state.choice;
      one_less.torn.erase(one_less.torn.begin() + static_cast<std::ptrdiff_t>(i));
      accept_if_it_fails(std::move(one_less));
    }
    return best_.state.choice.torn.size() < before;
  }

  [[nodiscard]] Numbers deviations() const {
    Numbers numbers;
    for (std::size_t i = 0; i < best_.state.choice.kept.size(); ++i) {
      if (!best_.state.choice.kept[i]) numbers.push_back(i);
    }
    return numbers;
  }

  // As another choice, but that only these deviate.
  static Choice only(const Numbers& deviating, Choice choice) {
    choice.kept.assign(choice.kept.size(), true);
    for (const std::size_t number : deviating) choice.kept[number] = false;
    const auto is_whole = [&](const Choice::Tear& tear) { return choice.kept[tear.may]; };
    choice.torn.erase(std::remove_if(choice.torn.begin(), choice.torn.end(), is_whole),
                      choice.torn.end());
    return choice;
  }

  void minimise_deviations() {
    const Choice whole = best_.state.choice;
    const Numbers all = deviations();
    const auto is_enough = [&](const Numbers& numbers) {
      return accept_if_it_fails(only(numbers, whole));
    };
    const Numbers minimal = ddmin(all, is_enough);
    // None of these can be left out, but others may be fewer. Where these are few, all are tried.
    std::uint64_t left = kMostSmaller;
    for (std::size_t size = 1; size < minimal.size() && !stop_; ++size) {
      if (try_all(all, size, left, is_enough)) return;
    }
  }

  // Whether one of the subsets with so many members is enough; up to so many are tried, which are
  // taken off `left`.
  template <typename Test>
  bool try_all(const Numbers& set, std::size_t size, std::uint64_t& left, const Test& is_enough) {
    std::vector<bool> is_member(set.size());
    std::fill_n(is_member.begin(), size, true);
    do {
      if (left == 0 || stop_) return false;
      --left;
      Numbers subset;
      for (std::size_t i = 0; i < set.size(); ++i) {
        if (is_member[i]) subset.push_back(set[i]);
      }
      if (is_enough(subset)) return true;
    } while (std::prev_permutation(is_member.begin(), is_member.end()));
    return false;
  }

  // Leaves out what can be, until nothing more can; `is_enough` holds for the whole.
  template <typename Test>
  Numbers ddmin(Numbers set, const Test& is_enough) {
    if (set.empty() || is_enough({})) return {};
    for (std::size_t parts = 2; set.size() > 1 && !stop_;) {
      parts = std::min(parts, set.size());
      if (keep_one_part(set, parts, is_enough)) {
        parts = 2;
      } else if (parts > 2 && leave_out_one_part(set, parts, is_enough)) {
        parts = std::max<std::size_t>(parts - 1, 2);
      } else if (parts == set.size()) {
        break;
      } else {
        parts *= 2;
      }
    }
    return set;
  }

  static Numbers::iterator part_begin(Numbers& set, std::size_t parts, std::size_t part) {
    return set.begin() + static_cast<std::ptrdiff_t>(set.size() * part / parts);
  }

  template <typename Test>
  bool keep_one_part(Numbers& set, std::size_t parts, const Test& is_enough) {
    for (std::size_t i = 0; i < parts && !stop_; ++i) {
      Numbers part(part_begin(set, parts, i), part_begin(set, parts, i + 1));
      if (!is_enough(part)) continue;
      set = std::move(part);
      return true;
    }
    return false;
  }

  template <typename Test>
  bool leave_out_one_part(Numbers& set, std::size_t parts, const Test& is_enough) {
    for (std::size_t i = 0; i < parts && !stop_; ++i) {
      Numbers rest(set.begin(), part_begin(set, parts, i));
      rest.insert(rest.end(), part_begin(set, parts, i + 1), set.end());
      if (!is_enough(rest)) continue;
      set = std::move(rest);
      return true;
    }
    return false;
  }

  // What matters is mostly the earliest of the later writes, so the last ones go first.
  void find_survivors() {
    const Numbers lost = deviations();
    if (lost.empty()) return;
    Numbers later;
    for (std::size_t i = lost.front(); i < best_.state.choice.kept.size(); ++i) {
      if (best_.state.choice.kept[i]) later.push_back(i);
    }
    const auto fails_with = [&](const Numbers& surviving) {
      CrashState state = best_.state;
      for (const std::size_t number : later) state.choice.kept[number] = false;
      for (const std::size_t number : surviving) state.choice.kept[number] = true;
      return fails(state);
    };
    best_.survivors = ddmin(later, fails_with);
  }

  Judge& judge_;
  const std::uint64_t max_checks_;
  Signature signature_;
  Minimal best_;
  check::Verdict last_verdict_;
  std::map<std::string, bool> known_;  // by the name of a state
  std::optional<Stop> stop_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::optional<Minimal>> minimise(const CrashState& failing, Judge& judge,
                                        const MinimiseOptions& options) {
  return Search(failing, judge, options).run();
}

}  // namespace powercut::explore
