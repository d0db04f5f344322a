// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/state_listing.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "apps/cli/exploration_options.h"
#include "apps/support/output.h"
#include "base/json.h"
#include "explore/state_source.h"
#include "report/words.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

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

Result<int> list_states(const Arguments& arguments) {
  explore::Request request = POWERCUT_TRY(request_from(arguments));
  request.log = arguments.text("LOG");
  request.size_bytes = arguments.optional_integer("size");
  const explore::Plan plan = POWERCUT_TRY(explore::make_plan(request));
  for (const auto& message : plan.facts.notes) fmt::print(stderr, "powercut: note: {}\n", message);
  const auto marks = POWERCUT_TRY(explore::MarkTable::make(*plan.timeline));
  auto states = POWERCUT_TRY(explore::StateSource::make(plan, marks, false));
  const bool wants_hash = arguments.is_set("sha256");
  while (const auto listed = POWERCUT_TRY(states.next())) {
    Json line = to_json(*listed);
    if (wants_hash) {
      const auto view = plan.timeline->view(listed->state, state::GroupMap(listed->state));
      line["sha256"] = POWERCUT_TRY(sha256_of(*view));
    }
    Output::standard().write(line.to_line() + "\n");
  }
  Output::standard().flush();
  findings::Summary counts;
  states.add_counts(counts);
  fmt::print(stderr, "model {}: {} {}, {} states possible, {} looked at, {} distinct{}\n",
             plan.facts.model, counts.cuts, counts.cuts == 1 ? "cut" : "cuts",
             report::possible_text(counts), counts.looked_at, counts.distinct,
             states.is_limited() ? ", ended by --max-states" : "");
  return counts.distinct > 0 ? 0 : 1;
}

std::vector<flags::Flag> state_listing_flags() {
  constexpr const char* kGroup = "Listing";
  return {
      {.name = "list",
       .help = "Run no checker, but print the distinct crash states, one line of JSON for each: "
               "state, model, cut (as in the state), lost (entries), torn (entry, of how many "
               "units, which survived). States are distinct by the content of the device, across "
               "cuts as well. How much of all that is possible this was is said on standard error.",
       .kind = Kind::kBool,
       .excludes = {"fs", "mount", "mount-options", "check", "acks", "nested", "depth", "json",
                    "junit", "html", "resume", "keep", "max-failures", "time", "timeout", "jobs",
                    "audit", "cache"},
       .group = kGroup},
      {.name = "sha256",
       .help = "With --list: the SHA-256 of the whole device in each state, which is read for it.",
       .kind = Kind::kBool,
       .group = kGroup},
  };
}

}  // namespace powercut::apps
