// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/state_listing.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <charconv>
#include <cstdio>
#include <memory>

#include "apps/support/output.h"
#include "block/open.h"
#include "state/state_list.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;
using Json = nlohmann::ordered_json;

constexpr const char* kListFlags[] = {"sha256",  "strategy",   "torn",
                                      "discard", "max-states", "seed"};

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

Result<std::string> sha256_of(BlockDevice& device) {
  const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
  bool is_ok =
      context != nullptr && ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) == 1;
  std::vector<std::byte> buffer(kMiB);
  for (ByteOffset at = 0; is_ok && at < device.size_bytes(); at += buffer.size()) {
    const MutableBytes part =
        MutableBytes(buffer).first(std::min<ByteCount>(buffer.size(), device.size_bytes() - at));
    POWERCUT_TRY_STATUS(device.read(at, part));
    is_ok = ::EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (!is_ok || ::EVP_DigestFinal_ex(context.get(), digest, &length) != 1)
    return environment_error("libcrypto cannot make a SHA-256 hash");
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

// "off", "sector", or bytes: a power of two, at least the log's sector.
Result<ByteCount> unit_bytes(const std::string& text, std::uint32_t sector_size) {
  if (text == "off") return 0;
  if (text == "sector") return sector_size;
  ByteCount bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc() || end != text.data() + text.size() || !is_power_of_two(bytes) ||
      bytes < sector_size) {
    return usage_error(fmt::format(
        "--torn takes off, sector, or the bytes of an atomic unit: a power of two, at least {} in "
        "this log; not '{}'",
        sector_size, text));
  }
  return bytes;
}

Result<EntryIndex> resolved(const Arguments& arguments, const char* flag,
                            const state::Timeline& timeline, EntryIndex otherwise) {
  const auto text = arguments.optional_text(flag);
  return text ? timeline.resolve(*text) : otherwise;
}

Result<std::unique_ptr<state::Timeline>> open_log(const Arguments& arguments) {
  state::TimelineOptions options;
  if (const auto base = arguments.optional_text("base"))
    options.base = POWERCUT_TRY(open_read_only_device(*base));
  options.size_bytes = arguments.optional_integer("size");
  options.notice = [](const std::string& message) {
    fmt::print(stderr, "powercut: note: {}\n", message);
  };
  return state::Timeline::open(arguments.text("LOG"), std::move(options));
}

Result<state::StateListOptions> list_options(const Arguments& arguments,
                                             const state::Timeline& timeline) {
  state::StateListOptions options;
  const auto model = arguments.optional_text("model");
  options.model = model ? *state::parse_model(*model) : POWERCUT_TRY(timeline.strongest_model());
  options.at = POWERCUT_TRY(state::parse_cut_selection(arguments.texts("at")));
  options.from = POWERCUT_TRY(resolved(arguments, "from", timeline, 0));
  options.to = POWERCUT_TRY(resolved(arguments, "to", timeline, timeline.index().nr_entries()));
  options.strategies =
      POWERCUT_TRY(state::parse_strategies(arguments.optional_text("strategy").value_or("auto")));
  options.choices.seed = arguments.optional_integer("seed").value_or(0);
  options.choices.unit_bytes = POWERCUT_TRY(unit_bytes(
      arguments.optional_text("torn").value_or("sector"), timeline.index().sector_size()));
  options.discard = POWERCUT_TRY(state::parse_discard_policy(
      arguments.optional_text("discard").value_or("zeroes"), options.choices.seed));
  options.max_states = arguments.optional_integer("max-states").value_or(0);
  return options;
}

std::vector<std::uint64_t> numbers(const std::vector<state::NumberRange>& ranges) {
  std::vector<std::uint64_t> result;
  for (const auto& [first, last] : ranges) {
    for (std::uint64_t i = first; i <= last; ++i) result.push_back(i);
  }
  return result;
}

Json to_json(const state::StateList::State& listed) {
  const auto& group = listed.state.group;
  const state::Choice& choice = listed.state.choice;
  std::vector<bool> is_torn(choice.kept.size());
  Json torn = Json::array();
  for (const auto& tear : choice.torn) {
    is_torn[tear.may] = true;
    torn.push_back(
        {{"entry", group->may_entry(tear.may).entry},
         {"units", state::nr_units(group->may_entry(tear.may).range, listed.state.unit_bytes)},
         {"survived", numbers(tear.units)}});
  }
  Json lost = Json::array();
  for (std::size_t i = 0; i < choice.kept.size(); ++i) {
    if (!choice.kept[i] && !is_torn[i]) lost.push_back(group->may_entry(i).entry);
  }
  return {{"state", to_string(listed.id)},
          {"model", to_string(group->model)},
          {"cut", group->cut},
          {"lost", std::move(lost)},
          {"torn", std::move(torn)}};
}

}  // namespace

Status check_listing_flags(const Arguments& arguments) {
  if (arguments.is_set("list")) return {};
  for (const char* name : kListFlags) {
    if (arguments.given(name)) return usage_error(fmt::format("--{} goes with --list", name));
  }
  if (arguments.optional_text("model").value_or("prefix") != "prefix") {
    return usage_error(
        "--model epoch and exact go with --list: checkers are run on the states of prefix");
  }
  return {};
}

Result<int> list_states(const Arguments& arguments) {
  const auto timeline = POWERCUT_TRY(open_log(arguments));
  const state::StateListOptions options = POWERCUT_TRY(list_options(arguments, *timeline));
  state::StateList states = POWERCUT_TRY(state::StateList::make(*timeline, options));
  const bool wants_hash = arguments.is_set("sha256");
  while (const auto listed = POWERCUT_TRY(states.next())) {
    Json line = to_json(*listed);
    if (wants_hash) line["sha256"] = POWERCUT_TRY(sha256_of(*states.view()));
    Output::standard().write(line.dump() + "\n");
  }
  Output::standard().flush();
  const state::StateCounts& counts = states.counts();
  fmt::print(stderr, "model {}: {} {}, {} states possible, {} looked at, {} distinct{}\n",
             to_string(options.model), counts.cuts, counts.cuts == 1 ? "cut" : "cuts",
             counts.possible_text(), counts.choices, counts.distinct,
             counts.is_limited ? ", ended by --max-states" : "");
  return counts.distinct > 0 ? 0 : 1;
}

std::vector<flags::Flag> state_listing_flags() {
  const std::string group = kListGroup;
  return {
      {.name = "list",
       .help = "Run no checker, but print the distinct crash states, one line of JSON for each: "
               "state, model, cut (as in the state), lost (entries), torn (entry, of how many "
               "units, which survived). States are distinct by the content of the device, across "
               "cuts as well. How much of all that is possible this was is said on standard error.",
       .kind = Kind::kBool,
       .excludes = {"fs", "mount", "mount-options", "check", "json", "keep", "max-failures",
                    "timeout", "jobs"},
       .group = group},
      {.name = "sha256",
       .help = "With --list: the SHA-256 of the whole device in each state, which is read for it.",
       .kind = Kind::kBool,
       .group = group},
      {.name = "strategy",
       .value_name = "NAME[,NAME...]",
       .help =
           "With --list: which of the states of a cut. prefix: of the writes that may be lost "
           "the first 0, 1, ... survive. exhaustive: all states. pairwise: for any two of these "
           "writes all four combinations. one: one is lost, one survives. random:N: so many at "
           "random. auto: exhaustive for no more than 128 states, else pairwise, one, prefix, "
           "and 128 at random.",
       .default_text = "auto",
       .group = group},
      {.name = "torn",
       .value_name = "off|sector|BYTES",
       .help =
           "With --list: whether writes that may be lost may also be torn, and the atomic unit. "
           "exhaustive and random tear a write of up to 8 units in all ways, a longer one at "
           "one place; one leaves out or keeps its first or last unit; prefix and pairwise "
           "tear none.",
       .default_text = "sector: that of the log",
       .group = group},
      {.name = "discard",
       .value_name = "POLICY",
       .help = "With --list: what discarded ranges read as. zeroes; stale: as before; random or "
               "random:SEED: noise.",
       .default_text = "zeroes",
       .group = group},
      {.name = "max-states",
       .value_name = "N",
       .help = "With --list: print no more.",
       .kind = Kind::kInteger,
       .default_text = "no limit",
       .range = {1},
       .group = group},
      {.name = "seed",
       .value_name = "N",
       .help = "With --list: of what is random. The same seed gives the same list.",
       .kind = Kind::kInteger,
       .default_text = "0",
       .group = group},
  };
}

}  // namespace powercut::apps
