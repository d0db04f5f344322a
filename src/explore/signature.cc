// SPDX-License-Identifier: Apache-2.0
#include "explore/signature.h"

#include <algorithm>
#include <cctype>

#include "check/remains.h"
#include "state/state_id.h"

namespace powercut::explore {
namespace {

constexpr std::size_t kMostBytes = 200;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_hex_digit(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_alphanumeric(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// How far e2fsck, xfs_repair, btrfs check, fsck.vfat and fsck.f2fs have come; their complaints stand in between.
constexpr std::string_view kProgress[] = {
    "e2fsck 1.", "Pass ", "Phase ", "        - ", "Opening filesystem to check...",
    "Checking filesystem on ", "UUID: ", "[1/", "[2/", "[3/", "[4/", "[5/", "[6/", "[7/", "[8/",
    "fsck.fat ", "Info: ", "  \"Linux version ", "  from \"", "    to \"", "[FSCK] ",
    // Behind what e2fsck -p says in the end.
    "\t(i.e., without -a or -p options)"};

bool is_progress(std::string_view line) {
  return std::any_of(std::begin(kProgress), std::end(kProgress),
                     [&](std::string_view begin) { return line.starts_with(begin); });
}

std::string_view trimmed(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
  line.remove_prefix(begin);
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

// Takes words off the front of a line and puts what they stand for behind the result.
class Normaliser {
 public:
  explicit Normaliser(std::string_view line) : rest_(line) {}

  std::string run() {
    while (!rest_.empty() && result_.size() < kMostBytes) {
      if (!take_state() && !take_path() && !take_number()) take_word();
    }
    return std::move(result_);
  }

  std::string run_on_paths() {
    while (!rest_.empty()) {
      if (!take_path()) put(rest_.substr(0, 1), 1);
    }
    return std::move(result_);
  }

 private:
  std::size_t length_of_token(std::string_view ends) const {
    return std::min(rest_.find_first_of(ends), rest_.size());
  }

  // Of characters that a state's name consists of; what stands behind as punctuation is none.
  bool take_state() {
    if (!rest_.starts_with("entry:") && !state::is_crash_state_text(rest_)) return false;
    std::size_t length = 0;
    const auto is_of_name = [](char c) {
      return is_alphanumeric(c) || c == ':' || c == '.' || c == '-';
    };
    while (length < rest_.size() && is_of_name(rest_[length])) ++length;
    while (length > 0 && !is_alphanumeric(rest_[length - 1])) --length;
    if (!state::parse_state_id(rest_.substr(0, length))) return false;
    put("STATE", length);
    return true;
  }

  bool take_path() {
    if (rest_.front() != '/') return false;
    std::size_t length = length_of_token(" \t'\"`:;,()[]<>");
    const std::string_view path = rest_.substr(0, length);
    const std::size_t folder = path.find(check::kOwnedDirectoryPrefix);
    if (folder == std::string_view::npos) return false;
    // The mount point has the checker's own files in it, whose names tell something.
    const std::size_t mount = path.find("/mnt/", folder);
    if (mount != std::string_view::npos) length = mount + 4;
    put("{}", length);
    return true;
  }

  // Numbers with points, dashes or colons between them become one.
  bool take_number() {
    const bool continues = result_.size() > 1 && result_[result_.size() - 2] == '#' &&
                           std::string_view(".-:,").find(result_.back()) != std::string_view::npos;
    // Parts of a UUID are shorter than other hexadecimal numbers that have no 0x.
    const std::size_t length = length_of_number(rest_, continues ? 4 : 8);
    if (length == 0) return false;
    if (continues) {
      result_.pop_back();
      rest_.remove_prefix(length);
    } else {
      put("#", length);
    }
    return true;
  }

  static std::size_t length_of_number(std::string_view text, std::size_t least_hexadecimal) {
    std::size_t length = 0;
    bool has_digit = false;
    const std::size_t begin = text.starts_with("0x") ? 2 : 0;
    while (begin + length < text.size() && is_hex_digit(text[begin + length])) {
      has_digit = has_digit || is_digit(text[begin + length]);
      ++length;
    }
    const std::size_t end = begin + length;
    const bool is_whole = end == text.size() || !is_alphanumeric(text[end]);
    const bool is_hexadecimal =
        length > 0 && is_whole && (begin > 0 || (has_digit && length >= least_hexadecimal));
    if (is_hexadecimal) return end;
    length = 0;
    while (length < text.size() && is_digit(text[length])) ++length;
    return length;
  }

  // A letter begins a word, which may be hexadecimal only as a whole.
  void take_word() {
    std::size_t length = 1;
    if (is_alphanumeric(rest_.front())) {
      while (length < rest_.size() && is_alphanumeric(rest_[length]) && !is_digit(rest_[length]))
        ++length;
    }
    result_ += rest_.substr(0, length);
    rest_.remove_prefix(length);
  }

  void put(std::string_view text, std::size_t length) {
    result_ += text;
    rest_.remove_prefix(length);
  }

  std::string_view rest_;
  std::string result_;
};

Signature make_signature(findings::Outcome outcome, int code, const std::string& step,
                         std::string_view output) {
  // How many files are not as they should be is a number like those in the output.
  if (outcome == findings::Outcome::kAcknowledgement) code = 0;
  return {outcome, code, step, normalised(telling_line(output))};
}

}  // namespace

findings::Outcome outcome_of(check::Outcome outcome) {
  switch (outcome) {
    case check::Outcome::kPassed:
      return findings::Outcome::kPassed;
    case check::Outcome::kExitStatus:
      return findings::Outcome::kExitStatus;
    case check::Outcome::kSignal:
      return findings::Outcome::kSignal;
    case check::Outcome::kTimeout:
      return findings::Outcome::kTimeout;
    case check::Outcome::kMount:
      return findings::Outcome::kMount;
    case check::Outcome::kAcknowledgement:
      return findings::Outcome::kAcknowledgement;
  }
  return findings::Outcome::kExitStatus;
}

std::string telling_line(std::string_view output) {
  std::string_view last;
  bool has_progress = false;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    const std::string_view line = output.substr(0, end);
    output.remove_prefix(std::min(end + 1, output.size()));
    if (is_progress(line)) {
      has_progress = true;
      continue;
    }
    if (trimmed(line).empty()) continue;
    last = trimmed(line);
    if (has_progress) break;
  }
  return std::string(last.substr(0, kMostBytes));
}

std::string normalised(std::string_view line) {
  return Normaliser(line).run();
}

std::string without_paths(std::string_view line) {
  return Normaliser(line).run_on_paths();
}

Signature signature_of(const check::Verdict& verdict) {
  return make_signature(outcome_of(verdict.outcome), verdict.code, verdict.step,
                        verdict.step_output);
}

Signature signature_of(const findings::StateResult& result) {
  return make_signature(result.outcome, result.code, result.step, result.output);
}

}  // namespace powercut::explore
