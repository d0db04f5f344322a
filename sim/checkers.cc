// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>

namespace powercut::sim {
namespace {

constexpr std::size_t kMaxViolations = 20;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

// What one entry of a request looks like. A request that does not begin and end with a sector has
// up to three.
struct Part {
  ByteRange outer;  // whole sectors: the entry's range
  ByteRange inner;  // the bytes of the request in it; the rest is what stood there before
};

ByteRange aligned_out(ByteRange range, std::uint32_t sector_size) {
  return {align_down(range.begin, sector_size), align_up(range.end, sector_size)};
}

std::vector<Part> parts_of(const SimRequest& request, std::uint32_t sector_size) {
  const ByteRange range = request.range;
  const ByteRange outer = aligned_out(range, sector_size);
  const ByteRange whole = {align_up(range.begin, sector_size), align_down(range.end, sector_size)};
  if (request.kind == Kind::kWrite) return {{outer, range}};
  if (request.kind == Kind::kDiscard) {
    return whole.begin < whole.end ? std::vector<Part>{{whole, whole}} : std::vector<Part>{};
  }
  if (request.kind != Kind::kZeroes || range.size() == 0) return {};
  if (whole.begin >= whole.end) return {{outer, range}};
  std::vector<Part> parts;
  if (range.begin < whole.begin)
    parts.push_back({{outer.begin, whole.begin}, {range.begin, whole.begin}});
  if (whole.begin < whole.end) parts.push_back({whole, whole});
  if (whole.end < range.end) parts.push_back({{whole.end, outer.end}, {whole.end, range.end}});
  return parts;
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool is_right_operation(const SimRequest& request, const Part& part, const SimEntry& entry) {
  if (!entry.has_ticks) return true;
  using log::Operation;
  switch (request.kind) {
    case Kind::kDiscard:
      return entry.operation == Operation::kDiscard;
    case Kind::kZeroes:
      if (part.outer == part.inner)
        return entry.operation == (request.unmap ? Operation::kZeroesUnmap : Operation::kZeroes);
      return entry.operation == Operation::kWrite;
    default:
      return entry.operation == Operation::kWrite;
  }
}

bool records(const SimEntry& entry, const SimRequest& request, const Part& part) {
  if (entry.range != part.outer) return false;
  if (entry.is(log::kFlagDiscard) != (request.kind == Kind::kDiscard)) return false;
  if (!is_right_operation(request, part, entry)) return false;
  if (request.kind == Kind::kDiscard) return true;
  const auto inner =
      std::span(entry.payload).subspan(part.inner.begin - part.outer.begin, part.inner.size());
  if (request.kind == Kind::kZeroes) return is_zero(inner);
  const auto data =
      std::span(request.data).subspan(part.inner.begin - request.range.begin, inner.size());
  return std::equal(inner.begin(), inner.end(), data.begin(), data.end());
}

bool is_placeholder(const SimEntry& entry) {
  // In the smallest sectors there is no room for a mark's text.
  return entry.is(log::kFlagMark) &&
         (entry.mark.empty() || entry.mark.starts_with("powercut: flush"));
}

void add(Violations& violations, std::string text) {
  if (violations.size() < kMaxViolations) violations.push_back(std::move(text));
}

// Assigns the entries that content tells.
class Matcher {
 public:
  explicit Matcher(const History& history) : history_(history) {
    match_.spans.resize(history.requests.size());
    match_.request_of.assign(history.entries.size(), Match::kNobody);
    for (std::size_t i = 0; i < history.requests.size(); ++i) {
      const SimRequest& request = history.requests[i];
      if (request.kind == Kind::kMark) by_mark_[request.mark] = i;
      if (request.range.size() == 0 || request.kind == Kind::kRead) continue;
      const auto parts = parts_of(request, history.sector_size);
      if (!parts.empty()) by_start_[parts.front().outer.begin].push_back(i);
    }
  }

  Match run() {
    match_data();
    match_flushes();
    complain();
    return std::move(match_);
  }

 private:
  void assign(std::size_t entry, std::size_t request) {
    match_.request_of[entry] = request;
    Match::Span& span = match_.spans[request];
    span = span.is_empty() ? Match::Span{entry, entry}
                           : Match::Span{std::min(span.first, entry), std::max(span.last, entry)};
  }

  void match_data() {
    for (std::size_t e = 0; e < history_.entries.size(); ++e) {
      const SimEntry& entry = history_.entries[e];
      if (match_.request_of[e] != Match::kNobody || entry.is(log::kFlagFlush)) continue;
      if (entry.is(log::kFlagMark)) {
        const auto found = by_mark_.find(entry.mark);
        if (found != by_mark_.end() && match_.spans[found->second].is_empty())
          assign(e, found->second);
        continue;
      }
      const auto candidates = by_start_.find(entry.range.begin);
      if (candidates == by_start_.end()) continue;
      for (const std::size_t r : candidates->second) {
        if (match_.spans[r].is_empty() && take_parts(e, r)) break;
      }
    }
  }

  // All of a request's parts, from the entry of its first one on: with ticks they bear the same
  // submission tick, and other requests' entries may stand between them.
  bool take_parts(std::size_t first, std::size_t r) {
    const SimRequest& request = history_.requests[r];
    std::vector<std::size_t> taken;
    std::size_t e = first;
    for (const Part& part : parts_of(request, history_.sector_size)) {
      const auto is_it = [&](std::size_t i) {
        const SimEntry& entry = history_.entries[i];
        return match_.request_of[i] == Match::kNobody && records(entry, request, part) &&
               entry.submit_tick == history_.entries[first].submit_tick &&
               (!entry.has_ticks || (request.submit.tick < entry.submit_tick &&
                                     entry.complete_tick < request.complete.tick));
      };
      while (e < history_.entries.size() && !is_it(e)) {
        if (taken.empty()) return false;
        ++e;
      }
      if (e == history_.entries.size()) return false;
      taken.push_back(e++);
    }
    for (const std::size_t i : taken) assign(i, r);
    return true;
  }

  // What a flush request asks of the place of its entry, given the entries that are told.
  bool may_be(std::size_t e, const SimRequest& flush) const {
    const SimEntry& entry = history_.entries[e];
    const SimRequest::DeviceCall device = flush.device_call({});
    if (entry.has_ticks &&
        !(flush.submit.tick < entry.submit_tick && entry.submit_tick < device.begin.tick &&
          device.end.tick < entry.complete_tick && entry.complete_tick < flush.complete.tick)) {
      return false;
    }
    return done_before_[e] < device.begin.order && submitted_before_[e] < flush.complete.order &&
           flush.submit.order < completed_behind_[e];
  }

  void match_flushes() {
    summarise();
    std::vector<std::size_t> entries;
    std::vector<std::size_t> requests;
    for (std::size_t e = 0; e < history_.entries.size(); ++e)
      if (history_.entries[e].is(log::kFlagFlush)) entries.push_back(e);
    for (std::size_t r = 0; r < history_.requests.size(); ++r)
      if (history_.requests[r].kind == Kind::kFlush &&
          (history_.requests[r].ok || history_.requests[r].is_unknown))
        requests.push_back(r);
    // Those that need an entry come first.
    std::sort(requests.begin(), requests.end(), [&](std::size_t a, std::size_t b) {
      const SimRequest& first = history_.requests[a];
      const SimRequest& second = history_.requests[b];
      return std::pair(first.is_unknown, first.submit.order) <
             std::pair(second.is_unknown, second.submit.order);
    });
    // Augmenting paths (Kuhn), from requests to entries: what has been matched stays so.
    std::vector<std::size_t> taken_by(entries.size(), Match::kNobody);
    std::vector<bool> seen;
    const std::function<bool(std::size_t)> place = [&](std::size_t r) {
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (seen[i] || !may_be(entries[i], history_.requests[r])) continue;
        seen[i] = true;
        if (taken_by[i] == Match::kNobody || place(taken_by[i])) {
          taken_by[i] = r;
          return true;
        }
      }
      return false;
    };
    for (const std::size_t r : requests) {
      seen.assign(entries.size(), false);
      (void)place(r);
    }
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (taken_by[i] != Match::kNobody) assign(entries[i], taken_by[i]);
  }

  // Of the entries on either side of each entry, what decides where a flush may stand.
  void summarise() {
    const std::size_t n = history_.entries.size();
    done_before_.assign(n, 0);
    submitted_before_.assign(n, 0);
    completed_behind_.assign(n, kNever);
    const auto request = [&](std::size_t e) -> const SimRequest* {
      const std::size_t r = match_.request_of[e];
      return r == Match::kNobody ? nullptr : &history_.requests[r];
    };
    for (std::size_t e = 1; e < n; ++e) {
      done_before_[e] = done_before_[e - 1];
      submitted_before_[e] = submitted_before_[e - 1];
      if (const SimRequest* before = request(e - 1)) {
        const ByteRange range = history_.entries[e - 1].range;
        done_before_[e] = std::max(done_before_[e], before->device_call(range).end.order);
        submitted_before_[e] = std::max(submitted_before_[e], before->submit.order);
      }
    }
    for (std::size_t e = n; e-- > 1;) {
      completed_behind_[e - 1] = completed_behind_[e];
      if (const SimRequest* behind = request(e))
        completed_behind_[e - 1] = std::min(completed_behind_[e - 1], behind->complete.order);
    }
  }

  void complain() {
    for (std::size_t e = 0; e < history_.entries.size(); ++e) {
      const SimEntry& entry = history_.entries[e];
      if (match_.request_of[e] != Match::kNobody || is_placeholder(entry)) continue;
      add(match_.violations,
          describe(entry, e) + (entry.is(log::kFlagFlush)
                                    ? " stands where no flush that was asked for may stand"
                                    : " records nothing that was asked for"));
    }
    for (std::size_t r = 0; r < history_.requests.size(); ++r) {
      const SimRequest& request = history_.requests[r];
      const bool wants_entry = request.kind == Kind::kFlush || request.kind == Kind::kMark ||
                               !parts_of(request, history_.sector_size).empty();
      const bool has_entry = !match_.spans[r].is_empty();
      if (request.ok && wants_entry && !has_entry)
        add(match_.violations, describe(request) + " is not in the log");
      if (!request.ok && !request.is_unknown && has_entry)
        add(match_.violations, describe(request) + " failed, and is in the log");
    }
  }

  const History& history_;
  Match match_;
  std::map<std::string, std::size_t> by_mark_;
  std::map<ByteOffset, std::vector<std::size_t>> by_start_;
  std::vector<std::uint64_t> done_before_;
  std::vector<std::uint64_t> submitted_before_;
  std::vector<std::uint64_t> completed_behind_;
};

std::vector<std::size_t> recorded(const History& history, const Match& match) {
  std::vector<std::size_t> requests;
  for (std::size_t r = 0; r < history.requests.size(); ++r)
    if (!match.spans[r].is_empty()) requests.push_back(r);
  return requests;
}

}  // namespace

Match match(const History& history) {
  return Matcher(history).run();
}

Violations check_order(const History& history, const Match& match) {
  // Without ticks flushes in flight together cannot be told apart.
  const bool has_ticks = !history.entries.empty() && history.entries.front().has_ticks;
  auto by_submit = recorded(history, match);
  auto by_complete = by_submit;
  const auto& requests = history.requests;
  std::sort(by_submit.begin(), by_submit.end(), [&](std::size_t a, std::size_t b) {
    return requests[a].submit.order < requests[b].submit.order;
  });
  std::sort(by_complete.begin(), by_complete.end(), [&](std::size_t a, std::size_t b) {
    return requests[a].complete.order < requests[b].complete.order;
  });
  Violations violations;
  // The last entries, of all requests and of those that are no flushes, completed so far.
  std::optional<std::size_t> last;
  std::optional<std::size_t> last_but_flushes;
  auto completed = by_complete.begin();
  const auto end_of = [&](std::size_t r) { return match.spans[r].last; };
  for (const std::size_t r : by_submit) {
    for (; completed != by_complete.end() &&
           requests[*completed].complete.order < requests[r].submit.order;
         ++completed) {
      if (!last || end_of(*completed) > end_of(*last)) last = *completed;
      if (requests[*completed].kind != Kind::kFlush &&
          (!last_but_flushes || end_of(*completed) > end_of(*last_but_flushes)))
        last_but_flushes = *completed;
    }
    const auto& before = has_ticks || requests[r].kind != Kind::kFlush ? last : last_but_flushes;
    if (before && end_of(*before) > match.spans[r].first) {
      add(violations, fmt::format("G1: {} (entry {}) completed before {} (entry {}) was submitted",
                                  describe(requests[*before]), end_of(*before),
                                  describe(requests[r]), match.spans[r].first));
    }
  }
  return violations;
}

Violations check_flushes(const History& history, const Match& match) {
  Violations violations;
  const SimRequest* latest = nullptr;  // done on the device, of those that stand before
  std::uint64_t latest_end = 0;
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    if (match.request_of[e] == Match::kNobody) continue;
    const SimRequest& request = history.requests[match.request_of[e]];
    const auto device = request.device_call(history.entries[e].range);
    if (request.kind == Kind::kFlush) {
      if (latest_end < device.begin.order) continue;
      add(violations, fmt::format("G2: {} stands before {}, entry {}, but was not done by then",
                                  describe(*latest), describe(request), e));
    }
    if (request.kind != Kind::kFlush && device.end.order > latest_end) {
      latest = &request;
      latest_end = device.end.order;
    }
  }
  return violations;
}

Violations check_fua(const History& history, const Match& match) {
  Violations violations;
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    if (match.request_of[e] == Match::kNobody) continue;
    const SimRequest& request = history.requests[match.request_of[e]];
    if (request.fua != history.entries[e].is(log::kFlagFua)) {
      add(violations,
          fmt::format("G3: {} records {}", describe(history.entries[e], e), describe(request)));
    }
  }
  return violations;
}

Violations check_content(const History& history) {
  const auto image = replay(history.entries, history.initial);
  if (image == history.final) return {};
  const auto [a, b] = std::mismatch(image.begin(), image.end(), history.final.begin());
  return {fmt::format("G4: the log replays to {:#04x} at byte {}, on the device stands {:#04x}",
                      static_cast<unsigned>(*a), a - image.begin(), static_cast<unsigned>(*b))};
}

namespace {

// What a read may have returned, by the log's order, which is that of the device where it matters.
bool may_have_read(const History& history, const Match& match, const SimRequest& read) {
  struct Writer {
    const SimEntry* entry;
    bool is_over;  // before the read was submitted
  };
  std::vector<Writer> writers;  // of bytes that were read; in the log's order
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    const SimEntry& entry = history.entries[e];
    if (entry.range.begin >= read.range.end || entry.range.end <= read.range.begin) continue;
    if (match.request_of[e] == Match::kNobody) continue;
    const SimRequest& request = history.requests[match.request_of[e]];
    if (request.submit.order < read.complete.order)
      writers.push_back({&entry, request.complete.order < read.submit.order});
  }
  const auto value = [](const SimEntry& entry, ByteOffset at) {
    return entry.is(log::kFlagDiscard) ? std::byte{0} : entry.payload[at - entry.range.begin];
  };
  for (ByteOffset at = read.range.begin; at < read.range.end; ++at) {
    const std::byte got = read.data[at - read.range.begin];
    bool is_explained = false;
    bool is_superseded = false;
    for (auto writer = writers.rbegin(); writer != writers.rend() && !is_explained; ++writer) {
      const ByteRange range = writer->entry->range;
      if (at < range.begin || at >= range.end) continue;
      is_explained = value(*writer->entry, at) == got;
      if (writer->is_over) {
        is_superseded = true;
        break;
      }
    }
    if (!is_explained && !is_superseded) is_explained = history.initial[at] == got;
    if (!is_explained) return false;
  }
  return true;
}

}  // namespace

Violations check_reads(const History& history, const Match& match) {
  Violations violations;
  for (const SimRequest& request : history.requests) {
    if (request.kind != Kind::kRead || !request.ok) continue;
    if (!may_have_read(history, match, request)) {
      add(violations, describe(request) + " returned what never stood there at that time");
    }
  }
  return violations;
}

namespace {

void check_tick_order(const History& history, Violations& violations) {
  Tick last_complete = 0;
  std::vector<std::size_t> flushes;  // seen so far
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    const SimEntry& entry = history.entries[e];
    if (entry.is(log::kFlagFlush)) {
      // A flush has its place by its submission.
      if (entry.submit_tick < last_complete)
        add(violations,
            describe(entry, e) + ": submitted before an entry in front of it completed");
      if (!flushes.empty() && history.entries[flushes.back()].submit_tick > entry.submit_tick)
        add(violations, describe(entry, e) + ": submitted before the flush in front of it");
      flushes.push_back(e);
      continue;
    }
    if (is_placeholder(entry)) continue;
    if (entry.complete_tick <= last_complete)
      add(violations, describe(entry, e) + ": completed before the entry in front of it");
    last_complete = std::max(last_complete, entry.complete_tick);
    if (!flushes.empty() && entry.complete_tick < history.entries[flushes.back()].submit_tick)
      add(violations, describe(entry, e) + ": completed before the flush in front was submitted");
  }
}

void check_ticks_are_unique(const History& history, const Match& match, Violations& violations) {
  std::map<Tick, std::size_t> seen;
  const auto note = [&](Tick tick, std::size_t e) {
    const auto [found, is_new] = seen.emplace(tick, e);
    if (!is_new) {
      add(violations, fmt::format("{} has a tick of {}", describe(history.entries[e], e),
                                  describe(history.entries[found->second], found->second)));
    }
  };
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    const std::size_t r = match.request_of[e];
    // The parts of one request share its submission.
    if (r == Match::kNobody || match.spans[r].first == e) note(history.entries[e].submit_tick, e);
    note(history.entries[e].complete_tick, e);
  }
}

// The recorder's clock runs with the simulation's.
void check_clocks(const History& history, Violations& violations) {
  struct Moment {
    Stamp stamp;
    bool is_end;
  };
  std::vector<Moment> moments;
  for (const SimRequest& request : history.requests) {
    moments.push_back({request.submit, false});
    moments.push_back({request.complete, true});
  }
  std::sort(moments.begin(), moments.end(),
            [](const Moment& a, const Moment& b) { return a.stamp.order < b.stamp.order; });
  Tick latest_end = 0;
  for (const Moment& moment : moments) {
    if (moment.is_end) {
      latest_end = std::max(latest_end, moment.stamp.tick);
    } else if (moment.stamp.tick <= latest_end) {
      add(violations,
          fmt::format("tick {} was given out after tick {}", moment.stamp.tick, latest_end));
    }
  }
}

}  // namespace

Violations check_ticks(const History& history, const Match& match) {
  Violations violations;
  check_clocks(history, violations);
  if (history.entries.empty() || !history.entries.front().has_ticks) return violations;
  check_tick_order(history, violations);
  check_ticks_are_unique(history, match, violations);
  for (std::size_t e = 0; e < history.entries.size(); ++e) {
    const SimEntry& entry = history.entries[e];
    if (match.request_of[e] == Match::kNobody) continue;
    const SimRequest& request = history.requests[match.request_of[e]];
    const bool is_within = request.submit.tick < entry.submit_tick &&
                           entry.submit_tick < entry.complete_tick &&
                           entry.complete_tick < request.complete.tick;
    if (!is_within)
      add(violations,
          fmt::format("{} has ticks outside of {}", describe(entry, e), describe(request)));
  }
  return violations;
}

Violations check_count(const History& history) {
  if (history.counted_entries == history.entries.size()) return {};
  return {fmt::format("the super block counts {} entries, in the log stand {}",
                      history.counted_entries, history.entries.size())};
}

Violations check(const History& history) {
  const Match matched = match(history);
  Violations all = matched.violations;
  for (const Violations& some :
       {check_order(history, matched), check_flushes(history, matched), check_fua(history, matched),
        check_content(history), check_reads(history, matched), check_ticks(history, matched),
        check_count(history)}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace powercut::sim
