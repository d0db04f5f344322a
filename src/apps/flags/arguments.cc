// SPDX-License-Identifier: Apache-2.0
#include "apps/flags/arguments.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/nearest.h"
#include "base/units.h"

namespace powercut::flags {

namespace {

constexpr std::array<std::pair<char, std::uint64_t>, 4> kSuffixes = {
    {{'K', kKiB}, {'M', kMiB}, {'G', kGiB}, {'T', 1024 * kGiB}}};

std::optional<std::uint64_t> to_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> to_size(std::string_view text) {
  std::uint64_t factor = 1;
  if (text.ends_with("iB")) {
    text.remove_suffix(2);
    if (text.empty() || to_integer(text)) return std::nullopt;
  }
  for (const auto& [suffix, value] : kSuffixes) {
    if (!text.empty() && (text.back() == suffix || text.back() == suffix - 'A' + 'a')) {
      text.remove_suffix(1);
      factor = value;
      break;
    }
  }
  const auto number = to_integer(text);
  return number ? checked_multiply(*number, factor) : std::nullopt;
}

std::optional<bool> to_bool(const std::string& text) {
  constexpr std::array<std::string_view, 5> kOn = {"on", "true", "yes", "1", "enable"};
  constexpr std::array<std::string_view, 5> kOff = {"off", "false", "no", "0", "disable"};
  if (std::ranges::find(kOn, text) != kOn.end()) return true;
  if (std::ranges::find(kOff, text) != kOff.end()) return false;
  return std::nullopt;
}

Status check_range(std::uint64_t value, const Range& range, std::string_view what) {
  if (value < range.least) {
    return usage_error(
        fmt::format("{} {} is too small: at least {} is needed", what, value, range.least));
  }
  if (value > range.greatest) {
    return usage_error(
        fmt::format("{} {} is too large: at most {} is possible", what, value, range.greatest));
  }
  return {};
}

Status check_choice(const std::string& text, const Flag& flag, const std::string& what) {
  if (flag.choices.empty() || std::ranges::find(flag.choices, text) != flag.choices.end())
    return {};
  return usage_error(fmt::format("{} cannot be '{}'; it is one of: {}", what, text,
                                 fmt::join(flag.choices, ", ")));
}

}  // namespace

Result<std::uint64_t> parse_integer(std::string_view text, std::string_view what) {
  if (const auto value = to_integer(text)) return *value;
  return usage_error(fmt::format("{} wants a whole number, not '{}'", what, text));
}

Result<std::uint64_t> parse_size(std::string_view text, std::string_view what) {
  if (const auto value = to_size(text)) return *value;
  return usage_error(
      fmt::format("{} wants a size in bytes such as 512, 64K, 1M or 2G, not '{}'", what, text));
}

const Arguments::Value& Arguments::value(std::string_view name) const {
  const auto found = values_.find(name);
  POWERCUT_CHECK(found != values_.end());
  return found->second;
}

bool Arguments::given(std::string_view name) const {
  return value(name).given;
}

std::uint64_t Arguments::count(std::string_view name) const {
  POWERCUT_CHECK(value(name).kind == Kind::kBool);
  return value(name).count;
}

const std::string& Arguments::text(std::string_view name) const {
  POWERCUT_CHECK(value(name).kind == Kind::kText && !value(name).texts.empty());
  return value(name).texts.back();
}

std::optional<std::string> Arguments::optional_text(std::string_view name) const {
  POWERCUT_CHECK(value(name).kind == Kind::kText);
  if (value(name).texts.empty()) return std::nullopt;
  return value(name).texts.back();
}

const std::vector<std::string>& Arguments::texts(std::string_view name) const {
  POWERCUT_CHECK(value(name).kind == Kind::kText);
  return value(name).texts;
}

std::uint64_t Arguments::integer(std::string_view name) const {
  POWERCUT_CHECK(!value(name).integers.empty());
  return value(name).integers.back();
}

std::optional<std::uint64_t> Arguments::optional_integer(std::string_view name) const {
  POWERCUT_CHECK(value(name).kind == Kind::kInteger || value(name).kind == Kind::kSize);
  if (value(name).integers.empty()) return std::nullopt;
  return value(name).integers.back();
}

// CLI11 takes the words apart; what they mean, and every message, is ours.
class Parser {
 public:
  // How flags are written where they are given.
  enum class Style { kOptions, kParameters };
  Parser(const Command& command, Style style) : command_(command), style_(style) {}

  [[nodiscard]] Result<Arguments> parse(std::span<const std::string> words) {
    const auto dashes = std::ranges::find(words, "--");
    const std::vector<std::string> before(words.begin(), dashes);
    const std::vector<std::string> behind(dashes == words.end() ? dashes : dashes + 1, words.end());
    POWERCUT_TRY_STATUS(take_apart(before));
    POWERCUT_TRY_STATUS(find_unknown());
    if (command_.trailing) {
      if (dashes != words.end() && behind.empty()) {
        return usage_error(
            fmt::format("nothing follows '--': {} is missing", command_.trailing->usage));
      }
      result_.trailing_ = behind;
    } else {
      loose_.insert(loose_.end(), behind.begin(), behind.end());
    }
    for (const Flag& flag : command_.flags) POWERCUT_TRY_STATUS(take_flag(flag));
    POWERCUT_TRY_STATUS(take_positionals());
    POWERCUT_TRY_STATUS(check_exclusions());
    if (command_.trailing && command_.trailing->required && result_.trailing_.empty()) {
      return usage_error(
          fmt::format("{} is missing: put it behind '--'", command_.trailing->usage));
    }
    return std::move(result_);
  }

  [[nodiscard]] Result<Arguments> parse_parameters(const Parameters& parameters) {
    for (const auto& [name, text] : parameters) {
      const auto flag = std::ranges::find(command_.flags, name, &Flag::name);
      if (flag == command_.flags.end()) {
        return unknown(name);
      }
      const bool is_bool = flag->kind == Kind::kBool;
      const auto on = is_bool ? to_bool(text) : std::nullopt;
      if (is_bool && !on)
        return usage_error(fmt::format("{} is on or off, not '{}'", show(*flag), text));
      if (is_bool) switches_[name] = *on;
      ++counts_[name];
      given_[name].push_back(text);
    }
    for (const Flag& flag : command_.flags) POWERCUT_TRY_STATUS(take_flag(flag));
    POWERCUT_TRY_STATUS(check_exclusions());
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::string show(const Flag& flag) const {
    if (style_ == Style::kParameters) return flag.name;
    return flag.name.empty() ? fmt::format("-{}", flag.short_name) : "--" + flag.name;
  }
  // "option '--log PATH'", "parameter 'log=PATH'"
  [[nodiscard]] std::string describe(const Flag& flag, bool with_value) const {
    const bool is_option = style_ == Style::kOptions;
    const std::string value =
        with_value ? fmt::format("{}{}", is_option ? " " : "=", flag.value_name) : "";
    return fmt::format("{} '{}{}'", is_option ? "option" : "parameter", show(flag), value);
  }

  [[nodiscard]] Status take_apart(const std::vector<std::string>& words) {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::map<std::string, CLI::Option*> options;
    for (const Flag& flag : command_.flags) {
      const std::string names = flag.short_name == 0
                                    ? "--" + flag.name
                                    : fmt::format("-{},--{}", flag.short_name, flag.name);
      if (flag.kind == Kind::kBool) {
        options[flag.name] = app.add_flag(names)->disable_flag_override();
      } else {
        // Without a variable: CLI11's conversions would read "{}" and "[a,b]" as lists.
        options[flag.name] =
            app.add_option(names)->expected(1)->allow_extra_args(false)->multi_option_policy(
                CLI::MultiOptionPolicy::TakeAll);
      }
    }
    try {
      std::vector<std::string> reversed;  // as CLI11 wants them
      for (auto word = words.rbegin(); word != words.rend(); ++word) {
        // CLI11 takes "--name=" for "--name" and would swallow the next word.
        const bool is_empty_value = word->starts_with("--") && word->find('=') == word->size() - 1;
        if (is_empty_value) reversed.emplace_back();
        reversed.push_back(is_empty_value ? word->substr(0, word->size() - 1) : *word);
      }
      app.parse(reversed);
    } catch (const CLI::ArgumentMismatch&) {
      return mismatch(words);
    } catch (const CLI::ParseError& error) {
      return usage_error(error.what());
    }
    for (const auto& [name, option] : options) {
      counts_[name] = option->count();
      given_[name] = option->results();
    }
    loose_ = app.remaining();
    return {};
  }

  // A value that is missing, or one too many: CLI11's exception does not say it in our words.
  [[nodiscard]] Status mismatch(const std::vector<std::string>& words) const {
    for (const Flag& flag : command_.flags) {
      if (flag.kind == Kind::kBool && std::ranges::any_of(words, [&](const auto& word) {
            return word.starts_with(show(flag) + "=");
          }))
        return usage_error(fmt::format("option '{}' takes no value", show(flag)));
    }
    const std::string& last = words.back();
    for (const Flag& flag : command_.flags) {
      if (flag.kind != Kind::kBool &&
          (last == show(flag) || (flag.short_name != 0 && last.ends_with(flag.short_name))))
        return usage_error(fmt::format("option '{}' wants a value: {}", last, flag.value_name));
    }
    return usage_error(fmt::format("option '{}' cannot be understood", last));
  }

  [[nodiscard]] Status find_unknown() const {
    for (const std::string& word : loose_) {
      if (word.size() < 2 || word.front() != '-') continue;
      return unknown(word.substr(0, word.find('=')));
    }
    return {};
  }

  [[nodiscard]] Unexpected unknown(const std::string& name) const {
    std::vector<std::string> names;
    if (style_ == Style::kOptions) names = {"--help", "--version"};
    for (const Flag& flag : command_.flags) {
      if (!flag.hidden) names.push_back(show(flag));
    }
    std::string message =
        fmt::format("unknown {} '{}'", style_ == Style::kOptions ? "option" : "parameter", name);
    if (const auto near = nearest(name, names)) {
      message += fmt::format("; did you mean '{}'?", *near);
    } else if (const auto inner = nearest_inside(name, names)) {
      message += fmt::format("; did you mean '{}'?", *inner);
    }
    return usage_error(message);
  }

  [[nodiscard]] static std::optional<std::string> nearest_inside(
      const std::string& name, const std::vector<std::string>& names) {
    if (!name.starts_with("--") || name.size() < 5) return std::nullopt;
    for (const std::string& candidate : names) {
      if (candidate.find(name.substr(2)) != std::string::npos) return candidate;
    }
    return std::nullopt;
  }

  [[nodiscard]] Status take_flag(const Flag& flag) {
    Arguments::Value& value = result_.values_[flag.name];
    value.kind = flag.kind;
    value.count = counts_[flag.name];
    value.given = value.count > 0;
    if (flag.kind == Kind::kBool && style_ == Style::kOptions) return {};
    if (value.count > 1 && !flag.repeated)
      return usage_error(fmt::format("{} is given {} times", describe(flag, false), value.count));
    if (!value.given && flag.required)
      return usage_error(fmt::format("{} is missing", describe(flag, true)));
    if (flag.kind == Kind::kBool) {
      value.count = switches_[flag.name] ? 1 : 0;
      return {};
    }
    value.texts = given_[flag.name];
    if (!value.given && !flag.default_value.empty()) value.texts = {flag.default_value};
    for (const std::string& text : value.texts) {
      if (flag.kind == Kind::kText) {
        POWERCUT_TRY_STATUS(check_choice(text, flag, show(flag)));
        continue;
      }
      const auto number = POWERCUT_TRY(flag.kind == Kind::kSize ? parse_size(text, show(flag))
                                                                : parse_integer(text, show(flag)));
      POWERCUT_TRY_STATUS(check_range(number, flag.range, show(flag)));
      value.integers.push_back(number);
    }
    return {};
  }

  [[nodiscard]] Status take_positionals() {
    std::size_t next = 0;
    for (const Positional& positional : command_.positionals) {
      Arguments::Value& value = result_.values_[positional.name];
      value.kind = positional.kind;
      const std::size_t most =
          positional.repeated ? loose_.size() : std::min(next + 1, loose_.size());
      for (; next < most; ++next) {
        value.texts.push_back(loose_[next]);
        if (positional.kind == Kind::kInteger)
          value.integers.push_back(POWERCUT_TRY(parse_integer(loose_[next], positional.name)));
        if (positional.kind == Kind::kSize)
          value.integers.push_back(POWERCUT_TRY(parse_size(loose_[next], positional.name)));
      }
      value.given = !value.texts.empty();
      if (positional.required && !value.given)
        return usage_error(fmt::format("{} is missing", positional.name));
    }
    if (next == loose_.size()) return {};
    return usage_error(fmt::format(
        "unexpected argument '{}'{}", loose_[next],
        command_.trailing ? fmt::format("; put '--' in front of {}", command_.trailing->usage)
                          : ""));
  }

  // A parameter that is off excludes nothing.
  [[nodiscard]] bool is_in_force(const std::string& name) const {
    const auto found = switches_.find(name);
    return result_.given(name) && (found == switches_.end() || found->second);
  }

  [[nodiscard]] Status check_exclusions() const {
    for (const Flag& flag : command_.flags) {
      if (!result_.given(flag.name)) continue;
      for (const Text& other : flag.excludes) {
        if (is_in_force(flag.name) && is_in_force(other)) {
          return usage_error(fmt::format("'{}' and '{}{}' cannot be given together", show(flag),
                                         style_ == Style::kOptions ? "--" : "", other));
        }
      }
    }
    return {};
  }

  const Command& command_;
  const Style style_;
  std::map<std::string, bool> switches_;  // the kBools that were given as parameters
  std::map<std::string, std::vector<std::string>> given_;
  std::map<std::string, std::size_t> counts_;
  std::vector<std::string> loose_;
  Arguments result_;
};

Result<Arguments> parse(const Command& command, std::span<const std::string> words) {
  return Parser(command, Parser::Style::kOptions).parse(words);
}

Result<Arguments> parse_parameters(const Command& command, const Parameters& parameters) {
  return Parser(command, Parser::Style::kParameters).parse_parameters(parameters);
}

}  // namespace powercut::flags
