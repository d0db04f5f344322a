// SPDX-License-Identifier: Apache-2.0
// The crash model once more, by the most naive means and straight from docs/crash-model.md: what tests
// compare src/state with. Shares no code with it. Small logs only: it makes every state in turn.
//
//   CrashLog log;
//   log.write(0, "A").flush().write(1, "B");
//   EXPECT_EQ(log.states(log.epoch(3)), (std::set<std::string>{"A.", "AB"}));
//
// Each character of a text fills one sector, as in LogBuilder; '?' is noise.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "support/log_builder.h"

namespace powercut::test {

class CrashLog {
 public:
  enum class Discard { kZeroes, kStale, kRandom };

  // A log of up to seven entries on a device of so many sectors. Ticks as a recorder gives them, with
  // requests in flight together; or just any, out of order.
  enum class Ticks { kNone, kOfARecorder, kAny };
  [[nodiscard]] static CrashLog random(Prng& prng, std::uint64_t sectors, Ticks kind);

  // What the next entry's ticks are. Only a log all of whose entries have ticks is one of powercut's.
  CrashLog& ticks(Tick submit, Tick complete);

  CrashLog& write(Sector sector, std::string_view text, std::uint64_t flags = 0);
  CrashLog& fua(Sector sector, std::string_view text) { return write(sector, text, log::kFlagFua); }
  CrashLog& zeroes(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags = 0);
  CrashLog& discard(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags = 0);
  // A sector may stand with it, as the kernel writes one.
  CrashLog& flush(std::uint64_t flags = 0, Sector sector = 0);
  CrashLog& mark(std::string_view name);
  // A mark in the place of a flush that never completed.
  CrashLog& pending_flush();

  [[nodiscard]] std::size_t nr_entries() const { return requests_.size(); }
  [[nodiscard]] Tick last_tick() const;
  [[nodiscard]] LogBuilder build() const;
  // What makes it, for messages.
  [[nodiscard]] std::string text() const;

  // What became of an entry's data.
  enum class Fate { kNone, kMust, kMay, kNever };
  using Fates = std::vector<Fate>;
  [[nodiscard]] Fates prefix(std::size_t cut) const;
  // As if the entry `without` had made nothing durable.
  [[nodiscard]] Fates epoch(std::size_t cut, std::optional<std::size_t> without = {}) const;
  [[nodiscard]] Fates exact(Tick cut, std::optional<std::size_t> without = {}) const;
  // Flushes, and writes with FUA.
  [[nodiscard]] std::vector<std::size_t> what_makes_durable() const;

  // The contents that a device can have which held `base` at first. With `unit_sectors`, writes are
  // torn at multiples of so many sectors of the device.
  [[nodiscard]] std::set<std::string> states(const Fates& fates, const std::string& base,
                                             std::size_t unit_sectors = 0,
                                             Discard discard = Discard::kZeroes) const;
  // 2 to the power of this states are made, the same ones counted as often as they come.
  [[nodiscard]] std::size_t choices(const Fates& fates, std::size_t unit_sectors) const;

 private:
  struct Request {
    enum class Kind { kWrite, kZeroes, kDiscard, kFlush, kMark, kPendingFlush };
    Kind kind = Kind::kMark;
    Sector sector = 0;
    std::string data;  // one character for each sector
    std::uint64_t flags = 0;
    bool has_ticks = false;
    Tick submit = 0;
    Tick complete = 0;

    [[nodiscard]] bool is_data() const {
      return kind == Kind::kWrite || kind == Kind::kZeroes || kind == Kind::kDiscard;
    }
    [[nodiscard]] bool is_flush() const { return (flags & log::kFlagFlush) != 0; }
    [[nodiscard]] bool is_fua() const { return (flags & log::kFlagFua) != 0; }
  };
  CrashLog& add(Request request);
  void add_random(Prng& prng, std::uint64_t sectors, bool is_flush);

  std::vector<Request> requests_;
  bool has_next_ticks_ = false;
  Tick next_submit_ = 0;
  Tick next_complete_ = 0;
};

}  // namespace powercut::test
