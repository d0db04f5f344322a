// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/replay_outcome.h"

#include <fmt/format.h>

#include "apps/cli/log_show.h"
#include "apps/cli/moment_show.h"
#include "apps/support/output.h"

namespace powercut::apps {

namespace {

void print_differences(const ReplayOutcome& outcome) {
  Output& out = Output::standard();
  const auto& comparison = outcome.comparison;
  if (!outcome.has_right_size()) {
    out.print("  {} has {} bytes, the recorded device {}\n", printable(outcome.compared_name),
              outcome.compared_size_bytes, outcome.device_size_bytes);
  }
  for (const auto& difference : comparison.differences) {
    out.print("  bytes {} to {}: byte {} is {:#04x}, should be {:#04x}; ", difference.range.begin,
              difference.range.end, difference.first_byte,
              std::to_integer<unsigned>(difference.right),
              std::to_integer<unsigned>(difference.left));
    if (const auto& entry = difference.last_writer) {
      out.print("last written by entry {}, a {} at byte {} of the log\n", entry->index,
                log::kind_name(*entry), entry->log_offset);
    } else {
      out.print("no entry wrote there\n");
    }
  }
  if (const auto more = comparison.differing_ranges - comparison.differences.size(); more > 0) {
    out.print("  and {} more\n", counted(more, "range"));
  }
}

void print_jump(const ReplayOutcome& outcome) {
  Output& out = Output::standard();
  const replay::JumpTotals& jump = *outcome.jump;
  const auto& from = outcome.jumped_from;
  out.print("{} is at {} of {}", printable(outcome.dest_name), outcome.at.name,
            printable(outcome.log_name));
  if (!from) {
    out.print(", written as a whole");
  } else if (!from->name.empty()) {
    out.print(", from {}", from->name);
  } else {
    out.print(", from between entry:{} and entry:{}", from->position.least,
              from->position.greatest);
  }
  out.print(": {} from the log, {} of zeroes", human_bytes(jump.copied_bytes),
            human_bytes(jump.zeroed_bytes));
  if (jump.restored_bytes > 0) out.print(", {} from the base", human_bytes(jump.restored_bytes));
  if (jump.noise_bytes > 0) out.print(", {} of noise", human_bytes(jump.noise_bytes));
  out.print("\n");
}

void print_replay(const ReplayOutcome& outcome) {
  Output& out = Output::standard();
  const auto& totals = outcome.totals;
  out.print("{} is at {} of {}: {} of {}, {} of {}", printable(outcome.dest_name), outcome.at.name,
            printable(outcome.log_name), counted(totals.written_entries, "write"),
            human_bytes(totals.written_bytes), counted(totals.discarded_entries, "discard"),
            human_bytes(totals.discarded_bytes));
  if (totals.skipped_discards > 0) {
    out.print(", {} left out", counted(totals.skipped_discards, "discard"));
  }
  out.print("\n");
}

void print_text(const ReplayOutcome& outcome) {
  Output& out = Output::standard();
  if (outcome.jump) {
    print_jump(outcome);
  } else {
    print_replay(outcome);
  }
  if (outcome.compared_name.empty()) return;
  if (outcome.is_identical()) {
    out.print("{}: {} holds the same {} bytes\n", coloured("identical", Colour::kGreen, stdout),
              printable(outcome.compared_name), outcome.comparison.compared_bytes);
    return;
  }
  out.print("{}: {} differs in {} of {} bytes, in {}\n",
            coloured("DIFFERENT", Colour::kRed, stdout), printable(outcome.compared_name),
            counted(outcome.comparison.differing_blocks, "block"), outcome.block_size,
            counted(outcome.comparison.differing_ranges, "range"));
  print_differences(outcome);
}

Json bytes_json(const replay::Difference& difference) {
  return {{"begin", difference.range.begin},
          {"end", difference.range.end},
          {"first_byte", difference.first_byte},
          {"expected", std::to_integer<unsigned>(difference.left)},
          {"found", std::to_integer<unsigned>(difference.right)}};
}

Json difference_json(const replay::Difference& difference) {
  Json json = bytes_json(difference);
  json["last_writer"] = nullptr;
  if (const auto& entry = difference.last_writer) {
    json["last_writer"] = {{"entry", entry->index},
                           {"kind", log::kind_name(*entry)},
                           {"log_offset", entry->log_offset}};
  }
  return json;
}

Json jump_json(const ReplayOutcome& outcome) {
  Json json;
  const auto& from = outcome.jumped_from;
  if (!from) {
    json["from_entry"] = nullptr;
  } else if (from->name.empty()) {
    json["from_entry"] = nullptr;
    json["from_between"] = Json::array({from->position.least, from->position.greatest});
  } else {
    put_moment(json, "from", from->name, from->position.least);
  }
  put_moment(json, "to", outcome.at.name, outcome.at.position.least);
  json["copied_bytes"] = outcome.jump->copied_bytes;
  json["zeroed_bytes"] = outcome.jump->zeroed_bytes;
  json["restored_bytes"] = outcome.jump->restored_bytes;
  if (outcome.jump->noise_bytes > 0) json["noise_bytes"] = outcome.jump->noise_bytes;
  return json;
}

Json replay_json(const ReplayOutcome& outcome) {
  const auto& totals = outcome.totals;
  return {{"from_entry", totals.from},
          {"to_entry", totals.to},
          {"written_entries", totals.written_entries},
          {"written_bytes", totals.written_bytes},
          {"discarded_entries", totals.discarded_entries},
          {"discarded_bytes", totals.discarded_bytes},
          {"skipped_discards", totals.skipped_discards}};
}

void print_json(const ReplayOutcome& outcome) {
  Json json;
  set_text(json, "log", outcome.log_name);
  set_text(json, "dest", outcome.dest_name);
  json["device_size_bytes"] = outcome.device_size_bytes;
  json.update(outcome.jump ? jump_json(outcome) : replay_json(outcome));
  if (!outcome.compared_name.empty()) {
    Json compared;
    set_text(compared, "device", outcome.compared_name);
    compared["size_bytes"] = outcome.compared_size_bytes;
    compared["identical"] = outcome.is_identical();
    compared["block_size"] = outcome.block_size;
    compared["differing_blocks"] = outcome.comparison.differing_blocks;
    compared["differing_ranges"] = outcome.comparison.differing_ranges;
    compared["differences"] = Json::array();
    for (const auto& difference : outcome.comparison.differences) {
      compared["differences"].push_back(difference_json(difference));
    }
    json["compared"] = std::move(compared);
  }
  Output::standard().print("{}\n", json.to_text());
}

}  // namespace

void print_outcome(const ReplayOutcome& outcome, bool as_json) {
  if (as_json) {
    print_json(outcome);
  } else {
    print_text(outcome);
  }
}

void print_mismatch(const std::string& dest_name, const replay::Place& held,
                    const replay::Difference& mismatch, bool as_json) {
  Output& out = Output::standard();
  if (as_json) {
    Json json;
    put_moment(json, "at", held.name, held.position.least);
    json["as_expected"] = false;
    json["mismatch"] = bytes_json(mismatch);
    out.print("{}\n", json.to_text());
    return;
  }
  out.print(
      "{}: {} is not at {}: bytes {} to {} differ, byte {} is {:#04x}, should be {:#04x}; nothing "
      "was "
      "written\n",
      coloured("DIFFERENT", Colour::kRed, stdout), printable(dest_name), held.name,
      mismatch.range.begin, mismatch.range.end, mismatch.first_byte,
      std::to_integer<unsigned>(mismatch.right), std::to_integer<unsigned>(mismatch.left));
}

}  // namespace powercut::apps
