// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/instant_files.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <unordered_map>
#include <vector>

#include "apps/cli/file_names.h"
#include "apps/cli/log_show.h"
#include "apps/cli/mark_names.h"

namespace powercut::apps {
namespace {

using std::chrono::steady_clock;

// A timeline that is refreshed when there is something new to be seen.
class Moments {
 public:
  Moments(std::shared_ptr<state::Timeline> timeline, std::function<void(const std::string&)> notice)
      : timeline_(std::move(timeline)), notice_(std::move(notice)) {}

  [[nodiscard]] const state::Timeline& timeline() const { return *timeline_; }
  [[nodiscard]] const index::LogIndex& index() const { return timeline_->index(); }

  // Unless that took long not long ago: at most a tenth of the time goes into it, however often it
  // is called.
  void refresh() {
    const MutexLock lock(mutex_);
    const auto begin = steady_clock::now();
    if (begin < next_) return;
    const Status status = timeline_->refresh();
    const auto end = steady_clock::now();
    next_ = end + 9 * (end - begin);
    // What was known stays to be seen.
    const std::string message = status ? std::string() : status.error().message;
    if (!message.empty() && message != message_ && notice_) notice_(message);
    message_ = message;
  }

 private:
  const std::shared_ptr<state::Timeline> timeline_;
  const std::function<void(const std::string&)> notice_;
  Mutex mutex_;
  steady_clock::time_point next_ POWERCUT_GUARDED_BY(mutex_);
  std::string message_ POWERCUT_GUARDED_BY(mutex_);  // why the last one failed
};

// A file's number is that of the entries in front of its instant.
class InstantSource : public serve::FileSource {
 public:
  explicit InstantSource(std::shared_ptr<Moments> moments) : moments_(std::move(moments)) {}

  [[nodiscard]] Result<std::optional<std::uint64_t>> find(const std::string& name) final {
    auto found = POWERCUT_TRY(find_known(name));
    if (found) return found;
    moments_->refresh();
    return find_known(name);
  }
  [[nodiscard]] Status list(std::uint64_t first, const Sink& sink) final {
    if (first == 0) moments_->refresh();
    return list_known(first, sink);
  }
  [[nodiscard]] Result<std::shared_ptr<BlockDevice>> open(std::uint64_t number) override {
    return std::shared_ptr<BlockDevice>(moments_->timeline().view(number));
  }
  [[nodiscard]] ByteCount size_bytes(std::uint64_t) const final {
    return moments_->timeline().device_size_bytes();
  }

 protected:
  [[nodiscard]] virtual Result<std::optional<std::uint64_t>> find_known(
      const std::string& name) = 0;
  [[nodiscard]] virtual Status list_known(std::uint64_t first, const Sink& sink) = 0;
  [[nodiscard]] Moments& moments() const { return *moments_; }

 private:
  const std::shared_ptr<Moments> moments_;
};

// Of a number as it is listed: no zeroes in front.
std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stop != end || fmt::format_int(number).str() != name)
    return std::nullopt;
  return number;
}

class Entries final : public InstantSource {
  using InstantSource::InstantSource;
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_known(const std::string& name) override {
    const auto number = number_of(name);
    if (!number || *number > moments().index().nr_entries()) return std::nullopt;
    return number;
  }
  [[nodiscard]] Status list_known(std::uint64_t first, const Sink& sink) override {
    const std::uint64_t count = moments().index().nr_entries();
    for (std::uint64_t number = first; number <= count; ++number) {
      if (!sink(number, fmt::format_int(number).str())) break;
    }
    return {};
  }
};

class Flushes final : public InstantSource {
  using InstantSource::InstantSource;
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_known(const std::string& name) override {
    const auto number = number_of(name);
    if (!number || *number == 0 || *number > moments().index().nr_flushes()) return std::nullopt;
    return POWERCUT_TRY(moments().index().flush(*number - 1)) + 1;
  }
  [[nodiscard]] Status list_known(std::uint64_t first, const Sink& sink) override {
    const auto& index = moments().index();
    std::uint64_t number = POWERCUT_TRY(index.flushes_before(first == 0 ? 0 : first - 1));
    for (; number < index.nr_flushes(); ++number) {
      const EntryIndex entry = POWERCUT_TRY(index.flush(number));
      if (!sink(entry + 1, fmt::format_int(number + 1).str())) break;
    }
    return {};
  }
};

class Marks final : public InstantSource {
  using InstantSource::InstantSource;
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_known(const std::string& name) override {
    const MutexLock lock(mutex_);
    POWERCUT_TRY_STATUS(names_.refresh(moments().index()));
    const auto entry = names_.find(name);
    if (!entry) return std::nullopt;
    return *entry + 1;
  }
  [[nodiscard]] Status list_known(std::uint64_t first, const Sink& sink) override {
    const MutexLock lock(mutex_);
    POWERCUT_TRY_STATUS(names_.refresh(moments().index()));
    for (std::size_t i = names_.first_from(first == 0 ? 0 : first - 1); i < names_.size(); ++i) {
      if (!sink(names_.entry(i) + 1, names_.name(i))) break;
    }
    return {};
  }

  Mutex mutex_;
  MarkNames names_ POWERCUT_GUARDED_BY(mutex_);
};

// Whatever commands take in the place of an instant. They are as good as endless, and not listed.
// Crash states are numbered as they are asked for; their names are kept.
class States final : public InstantSource {
  using InstantSource::InstantSource;
  static constexpr std::uint64_t kFirstCrashState = std::uint64_t{1} << 55;

  [[nodiscard]] Result<std::optional<std::uint64_t>> find_known(const std::string& name) override {
    const auto text = text_of_file_name(name);
    if (!text) return std::nullopt;
    // Where the end is changes.
    if (*text == "end") moments().refresh();
    const auto number = state::is_crash_state_text(*text) ? crash_state_number(*text)
                                                          : moments().timeline().resolve(*text);
    if (number) return *number;
    if (number.error().kind == ErrorKind::kEnvironment) return tl::unexpected(number.error());
    return std::nullopt;
  }
  [[nodiscard]] Status list_known(std::uint64_t, const Sink&) override { return {}; }

  [[nodiscard]] Result<std::shared_ptr<BlockDevice>> open(std::uint64_t number) override {
    if (number < kFirstCrashState) return InstantSource::open(number);
    std::string id;
    {
      const MutexLock lock(mutex_);
      id = ids_[number - kFirstCrashState];
    }
    return moments().timeline().device(id);
  }

  // The same for all ids that mean the same state.
  [[nodiscard]] Result<std::uint64_t> crash_state_number(const std::string& text) {
    {
      const MutexLock lock(mutex_);
      if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    }
    const state::StateId id = POWERCUT_TRY(state::parse_state_id(text));
    const state::CrashState state = POWERCUT_TRY(moments().timeline().crash_state(id));
    const std::string canonical = to_string(id_of(state, moments().index().sector_size()));
    const MutexLock lock(mutex_);
    const auto [found, is_new] = numbers_.try_emplace(canonical, kFirstCrashState + ids_.size());
    if (is_new) ids_.push_back(canonical);
    const std::uint64_t number = found->second;
    numbers_.try_emplace(text, number);
    return number;
  }

  Mutex mutex_;
  std::vector<std::string> ids_ POWERCUT_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint64_t> numbers_ POWERCUT_GUARDED_BY(mutex_);
};

std::string info_text(Moments& moments) {
  moments.refresh();
  const auto& timeline = moments.timeline();
  const auto& index = moments.index();
  Json json;
  set_text(json, "log", index.log()->name());
  json["device_size_bytes"] = timeline.device_size_bytes();
  json["device_size_inferred"] = timeline.is_size_inferred();
  json["sector_size"] = index.sector_size();
  json["entries"] = index.nr_entries();
  json["flushes"] = index.nr_flushes();
  json["marks"] = index.nr_marks();
  json["ending"] = ending_name(index.ending().kind);
  if (timeline.base() != nullptr) set_text(json, "base", timeline.base()->name());
  return json.to_text() + "\n";
}

}  // namespace

serve::Catalogue instant_catalogue(std::shared_ptr<state::Timeline> timeline,
                                   std::function<void(const std::string&)> notice) {
  const auto moments = std::make_shared<Moments>(std::move(timeline), std::move(notice));
  serve::Catalogue catalogue;
  catalogue.folders = {{"marks", std::make_shared<Marks>(moments)},
                       {"flushes", std::make_shared<Flushes>(moments)},
                       {"entries", std::make_shared<Entries>(moments)},
                       {"states", std::make_shared<States>(moments)}};
  catalogue.texts = {{"info.json", [moments] { return info_text(*moments); }}};
  return catalogue;
}

}  // namespace powercut::apps
