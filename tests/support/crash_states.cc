// SPDX-License-Identifier: Apache-2.0
#include "support/crash_states.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace powercut::test {
namespace {

// Ticks as a recorder gives them: writes stand where they complete, flushes where they are submitted.
// `order` is told, entry by entry, which request it is.
struct Schedule {
  std::vector<std::size_t> order;
  std::vector<Tick> submit;
  std::vector<Tick> complete;
};
Schedule schedule(Prng& prng, const std::vector<bool>& is_flush) {
  Schedule result{{}, std::vector<Tick>(is_flush.size()), std::vector<Tick>(is_flush.size())};
  std::vector<std::size_t> in_flight;
  std::size_t next = 0;
  for (Tick tick = 1; next < is_flush.size() || !in_flight.empty(); ++tick) {
    const bool is_submission =
        next < is_flush.size() && (in_flight.empty() || prng.one_in(in_flight.size() + 1));
    if (is_submission) {
      result.submit[next] = tick;
      if (is_flush[next]) result.order.push_back(next);
      in_flight.push_back(next++);
      continue;
    }
    const std::size_t which = prng.below(in_flight.size());
    const std::size_t request = in_flight[which];
    in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(which));
    result.complete[request] = tick;
    if (!is_flush[request]) result.order.push_back(request);
  }
  return result;
}

}  // namespace

CrashLog& CrashLog::ticks(Tick submit, Tick complete) {
  has_next_ticks_ = true;
  next_submit_ = submit;
  next_complete_ = complete;
  return *this;
}

CrashLog& CrashLog::add(Request request) {
  request.has_ticks = has_next_ticks_;
  request.submit = next_submit_;
  request.complete = next_complete_;
  has_next_ticks_ = false;
  requests_.push_back(std::move(request));
  return *this;
}

CrashLog& CrashLog::write(Sector sector, std::string_view text, std::uint64_t flags) {
  return add({Request::Kind::kWrite, sector, std::string(text), flags});
}
CrashLog& CrashLog::zeroes(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags) {
  return add({Request::Kind::kZeroes, sector, std::string(nr_sectors, '.'), flags});
}
CrashLog& CrashLog::discard(Sector sector, std::uint64_t nr_sectors, std::uint64_t flags) {
  return add({Request::Kind::kDiscard, sector, std::string(nr_sectors, '.'), flags});
}
CrashLog& CrashLog::flush(std::uint64_t flags, Sector sector) {
  return add({Request::Kind::kFlush, sector, {}, flags | log::kFlagFlush});
}
CrashLog& CrashLog::mark(std::string_view name) {
  return add({Request::Kind::kMark, 0, std::string(name), 0});
}
CrashLog& CrashLog::pending_flush() {
  return add({Request::Kind::kPendingFlush, 0, {}, 0});
}

void CrashLog::add_random(Prng& prng, std::uint64_t sectors, bool is_flush) {
  const Sector sector = prng.below(sectors);
  const std::uint64_t count = prng.between(1, std::min<std::uint64_t>(3, sectors - sector));
  const std::uint64_t flags = prng.one_in(4) ? std::uint64_t{log::kFlagFua} : 0;
  const char letter = static_cast<char>('A' + nr_entries());
  if (is_flush) {
    if (prng.one_in(4)) {
      write(sector, std::string(count, letter), log::kFlagFlush | flags);
    } else {
      flush(flags, prng.below(sectors));
    }
    return;
  }
  switch (prng.below(10)) {
    case 0:
    case 1:
      discard(sector, count, flags);
      break;
    case 2:
      zeroes(sector, count, flags);
      break;
    case 3:
      mark("m");
      break;
    default:
      write(sector, std::string(count, letter), flags);
  }
}

CrashLog CrashLog::random(Prng& prng, std::uint64_t sectors, Ticks kind) {
  const std::size_t nr_entries = prng.between(1, 7);
  std::vector<bool> is_flush;
  for (std::size_t i = 0; i < nr_entries; ++i) is_flush.push_back(prng.one_in(4));
  const Schedule recorded = schedule(prng, is_flush);
  std::vector<Tick> any(2 * nr_entries);
  std::iota(any.begin(), any.end(), 1);
  std::shuffle(any.begin(), any.end(), prng);
  CrashLog log;
  for (std::size_t i = 0; i < nr_entries; ++i) {
    const std::size_t request = recorded.order[i];
    if (kind == Ticks::kOfARecorder)
      log.ticks(recorded.submit[request], recorded.complete[request]);
    if (kind == Ticks::kAny)
      log.ticks(std::min(any[2 * i], any[2 * i + 1]), std::max(any[2 * i], any[2 * i + 1]));
    if (kind == Ticks::kNone && prng.one_in(12)) {
      log.pending_flush();
    } else {
      log.add_random(prng, sectors, is_flush[request]);
    }
  }
  return log;
}

Tick CrashLog::last_tick() const {
  Tick last = 0;
  for (const auto& request : requests_) last = std::max({last, request.submit, request.complete});
  return last;
}

LogBuilder CrashLog::build() const {
  const bool has_ticks =
      !requests_.empty() && std::all_of(requests_.begin(), requests_.end(),
                                        [](const Request& request) { return request.has_ticks; });
  LogBuilder log;
  if (has_ticks) log = LogBuilder(512, test_extension(0));
  for (const auto& request : requests_) {
    if (has_ticks) log.ticks(request.submit, request.complete);
    switch (request.kind) {
      case Request::Kind::kWrite:
        log.write(request.sector, request.data, request.flags);
        break;
      case Request::Kind::kZeroes:
        log.zeroes(request.sector, request.data.size(), request.flags);
        break;
      case Request::Kind::kDiscard:
        log.discard(request.sector, request.data.size(), request.flags);
        break;
      case Request::Kind::kFlush: {
        log::Entry entry;
        entry.sector = request.sector;
        entry.flags = request.flags;
        log.entry(entry, {});
        break;
      }
      case Request::Kind::kMark:
        log.mark(request.data);
        break;
      case Request::Kind::kPendingFlush: {
        log::Entry entry;
        entry.flags = log::kFlagMark;
        entry.mark = log::kFlushPendingText;
        entry.extension = log::EntryExtension{.operation = log::Operation::kFlushPending};
        log.entry(entry, {});
        break;
      }
    }
  }
  return log;
}

std::string CrashLog::text() const {
  std::string text;
  for (const auto& request : requests_) {
    constexpr const char* kNames[] = {"write", "zeroes", "discard", "flush", "mark", "pending"};
    if (request.has_ticks) text += fmt::format("ticks({}, {}).", request.submit, request.complete);
    text += fmt::format("{}({}, \"{}\", {}); ", kNames[static_cast<int>(request.kind)],
                        request.sector, request.data, request.flags);
  }
  return text;
}

CrashLog::Fates CrashLog::prefix(std::size_t cut) const {
  Fates fates;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    fates.push_back(!requests_[i].is_data() ? Fate::kNone : i < cut ? Fate::kMust : Fate::kNever);
  }
  return fates;
}

// M is what stands in front of the last flush that stands in front of the cut, and what has FUA in
// front of the cut. W is every other write in front of the flush that follows the cut. A flush comes
// before the data of its own entry.
CrashLog::Fates CrashLog::epoch(std::size_t cut, std::optional<std::size_t> without) const {
  const auto is_flush = [&](std::size_t i) { return requests_[i].is_flush() && i != without; };
  std::size_t nr_durable = 0;
  for (std::size_t i = 0; i < cut; ++i) {
    if (is_flush(i)) nr_durable = i;
  }
  std::size_t next = cut;
  while (next < requests_.size() && !is_flush(next)) ++next;
  Fates fates;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const Request& request = requests_[i];
    if (!request.is_data()) {
      fates.push_back(Fate::kNone);
    } else if (i < nr_durable || (i < cut && request.is_fua() && i != without)) {
      fates.push_back(Fate::kMust);
    } else {
      fates.push_back(i < next ? Fate::kMay : Fate::kNever);
    }
  }
  return fates;
}

CrashLog::Fates CrashLog::exact(Tick cut, std::optional<std::size_t> without) const {
  const Request* const left_out = without ? &requests_[*without] : nullptr;
  Fates fates;
  for (const auto& request : requests_) {
    const bool is_flushed =
        std::any_of(requests_.begin(), requests_.end(), [&](const Request& flush) {
          return flush.is_flush() && &flush != left_out && flush.complete <= cut &&
                 request.complete < flush.submit;
        });
    if (!request.is_data()) {
      fates.push_back(Fate::kNone);
    } else if (is_flushed ||
               (request.is_fua() && &request != left_out && request.complete <= cut)) {
      fates.push_back(Fate::kMust);
    } else {
      fates.push_back(request.submit <= cut ? Fate::kMay : Fate::kNever);
    }
  }
  return fates;
}

std::vector<std::size_t> CrashLog::what_makes_durable() const {
  std::vector<std::size_t> entries;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i].is_flush() || (requests_[i].is_fua() && requests_[i].is_data()))
      entries.push_back(i);
  }
  return entries;
}

std::size_t CrashLog::choices(const Fates& fates, std::size_t unit_sectors) const {
  std::size_t number = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (fates[i] != Fate::kMay) continue;
    if (unit_sectors == 0) {
      ++number;
      continue;
    }
    const Sector last = requests_[i].sector + requests_[i].data.size() - 1;
    number += last / unit_sectors - requests_[i].sector / unit_sectors + 1;
  }
  return number;
}

std::set<std::string> CrashLog::states(const Fates& fates, const std::string& base,
                                       std::size_t unit_sectors, Discard policy) const {
  const std::size_t nr_choices = choices(fates, unit_sectors);
  POWERCUT_CHECK(nr_choices < 24);
  std::set<std::string> states;
  for (std::uint64_t chosen = 0; chosen >> nr_choices == 0; ++chosen) {
    std::string content = base;
    std::size_t choice = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      const Request& request = requests_[i];
      if (fates[i] == Fate::kNone || fates[i] == Fate::kNever) continue;
      for (std::size_t k = 0; k < request.data.size(); ++k) {
        const Sector sector = request.sector + k;
        if (fates[i] == Fate::kMay) {
          const bool is_next = k == 0 || (unit_sectors != 0 && sector % unit_sectors == 0);
          if (is_next) ++choice;
          if ((chosen >> (choice - 1) & 1) == 0) continue;
        }
        if (request.kind == Request::Kind::kDiscard && policy == Discard::kStale) continue;
        const bool is_noise = request.kind == Request::Kind::kDiscard && policy == Discard::kRandom;
        content[sector] = is_noise ? '?' : request.data[k];
      }
    }
    states.insert(content);
  }
  return states;
}

}  // namespace powercut::test
