// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledged_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/unique_fd.h"
#include "check/file_content.h"

namespace powercut::check {
namespace {

constexpr const char* kStep = "the comparison with the acknowledgements";
// A file whose size alone is wrong is read only to say more about it.
constexpr ByteCount kReadForDescriptionBytes = 64 * kMiB;
constexpr std::size_t kFilesDescribed = 20;

// What is in the tree under a name.
struct Found {
  enum class Kind { kNothing, kFile, kOther, kUnreadable } kind = Kind::kNothing;
  std::string other;  // of kOther: "a directory"; of kUnreadable: why
  ByteCount size_bytes = 0;
  std::optional<FileReading> reading;  // of kFile, if it was read
};

// What says nothing about the state.
bool is_about_environment(int error) {
  constexpr std::array kErrors = {EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM, EACCES};
  return std::find(kErrors.begin(), kErrors.end(), error) != kErrors.end();
}

// The place itself, without opening what is there. Nothing if the path leads out of the tree.
UniqueFd open_place(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

Result<Found> unreadable(const std::string& file, int error) {
  if (is_about_environment(error)) return os_error(fmt::format("cannot open '{}'", file), error);
  return Found{Found::Kind::kUnreadable, describe_errno(error), 0, {}};
}

const char* kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_size_allowed(const AllowedFile& allowed, ByteCount size_bytes) {
  return std::any_of(allowed.contents.begin(), allowed.contents.end(),
                     [&](const auto& content) { return content.size_bytes == size_bytes; });
}

Result<Found> read_found(int place, const AllowedFile& allowed, ByteCount size_bytes,
                         const std::function<bool()>& stop) {
  Found found{Found::Kind::kFile, {}, size_bytes, {}};
  if (!is_size_allowed(allowed, size_bytes) && size_bytes > kReadForDescriptionBytes) return found;
  const UniqueFd fd(
      ::open(fmt::format("/proc/thread-self/fd/{}", place).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return unreadable(allowed.file, errno);
  auto reading = read_file(fd.get(), stop);
  if (!reading) {
    // Without an errno it is the hash that failed.
    if (reading.error().os_errno == 0) return tl::unexpected(reading.error());
    return unreadable(allowed.file, reading.error().os_errno);
  }
  found.reading = *std::move(reading);
  return found;
}

// A reading that `stop` ended is missing.
Result<Found> look_at(int root, const AllowedFile& allowed, const std::function<bool()>& stop) {
  const UniqueFd place = open_place(root, allowed.file);
  if (!place.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return Found{};
    if (errno == ELOOP) return Found{Found::Kind::kOther, "below a symbolic link", 0, {}};
    return unreadable(allowed.file, errno);
  }
  struct stat status {};
  if (::fstat(place.get(), &status) != 0) return unreadable(allowed.file, errno);
  if (!S_ISREG(status.st_mode)) return Found{Found::Kind::kOther, kind_name(status.st_mode), 0, {}};
  return read_found(place.get(), allowed, static_cast<ByteCount>(status.st_size), stop);
}

bool is_allowed(const AllowedFile& allowed, const Found& found) {
  if (found.kind == Found::Kind::kNothing) return allowed.absent;
  return found.reading && std::find(allowed.contents.begin(), allowed.contents.end(),
                                    found.reading->content) != allowed.contents.end();
}

std::string headline(const AllowedFile& allowed, const Found& found) {
  switch (found.kind) {
    case Found::Kind::kNothing:
      return fmt::format("{} is missing", allowed.file);
    case Found::Kind::kOther:
      return fmt::format("{} is {}", allowed.file, found.other);
    case Found::Kind::kUnreadable:
      return fmt::format("{} cannot be read: {}", allowed.file, found.other);
    case Found::Kind::kFile:
      break;
  }
  return allowed.contents.empty() ? fmt::format("{} is there and must not be", allowed.file)
                                  : fmt::format("{} has a wrong content", allowed.file);
}

std::string content_text(const FileContent& content) {
  return fmt::format("{} bytes, sha256 {}", content.size_bytes, content.sha256);
}

std::string expected_text(const AllowedFile& allowed) {
  std::vector<std::string> choices;
  for (const FileContent& content : allowed.contents) choices.push_back(content_text(content));
  if (allowed.absent) choices.emplace_back("no file");
  std::string text;
  for (const auto& choice : choices) {
    text += fmt::format("  {} {}\n", text.empty() ? "expected:" : "      or:", choice);
  }
  return text;
}

// What the content that was found is, if that can be told.
std::string nature(const AllowedFile& allowed, const FileReading& reading, const Offer& offer) {
  if (reading.content.size_bytes == 0) return "empty";
  if (reading.is_all_zeroes()) return "all zeroes";
  const auto origins = offer.acknowledgements->origins(reading.content);
  const auto own = std::find_if(origins.begin(), origins.end(),
                                [&](const auto& origin) { return origin.file == allowed.file; });
  if (own != origins.end()) {
    return own->place < offer.marks_in_front ? "as it was acknowledged earlier"
                                             : "as it is acknowledged later";
  }
  if (!origins.empty()) return fmt::format("the content of {}", origins.front().file);
  if (reading.end_of_data < reading.content.size_bytes)
    return fmt::format("zeroes from byte {} on", reading.end_of_data);
  return {};
}

std::string found_text(const AllowedFile& allowed, const Found& found, const Offer& offer) {
  if (found.kind != Found::Kind::kFile) return {};
  if (!found.reading)
    return fmt::format("     found: {} bytes, which were not read\n", found.size_bytes);
  const std::string what = nature(allowed, *found.reading, offer);
  return fmt::format("     found: {}{}{}\n", content_text(found.reading->content),
                     what.empty() ? "" : ": ", what);
}

}  // namespace

Result<std::optional<Verdict>> compare_acknowledged_files(const Offer& offer,
                                                          const std::string& root, CheckRun& run) {
  const UniqueFd root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd.valid()) return os_error(fmt::format("cannot open '{}'", root));
  const auto files = offer.acknowledgements->allowed(offer.marks_in_front, offer.marks_reached);
  const auto stop = [&run] { return run.is_interrupted() || run.is_late(); };
  std::string text;
  std::string first;
  std::size_t wrong = 0;
  for (const AllowedFile& allowed : files) {
    const Found found = POWERCUT_TRY(look_at(root_fd.get(), allowed, stop));
    if (run.is_interrupted()) return std::optional<Verdict>();
    if (run.is_late()) return run.fail(Outcome::kTimeout, 0, kStep);
    if (is_allowed(allowed, found) || ++wrong > kFilesDescribed) continue;
    if (first.empty()) first = headline(allowed, found);
    text += headline(allowed, found) + "\n" + expected_text(allowed) +
            found_text(allowed, found, offer);
  }
  if (wrong == 0) return run.pass();
  if (wrong > kFilesDescribed) text += fmt::format("... and {} more\n", wrong - kFilesDescribed);
  run.add_output(text + fmt::format("{} of {} acknowledged files not as promised: {}\n", wrong,
                                    files.size(), first));
  return run.fail(Outcome::kAcknowledgement, static_cast<int>(wrong), kStep);
}

}  // namespace powercut::check
