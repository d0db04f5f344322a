// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "check/checker.h"
#include "explore/read_tree.h"
#include "io/posix_file.h"

namespace powercut::explore {

// A run as it is remembered from one exploration to the next.
struct RememberedRun {
  Hash128 key;    // runs of another key say nothing on ours
  Hash128 marks;  // what the checker was told of marks
  check::Verdict verdict;
  std::vector<ReadBlock> reads;  // all, in the order of the first reading
};

// The body of a record of the file. Errors (kBadInput) say what cannot be.
[[nodiscard]] std::vector<std::byte> encode_run(const RememberedRun& run);
[[nodiscard]] Result<RememberedRun> decode_run(ConstBytes body);

// What is in a cache file, untrusted.
struct CacheContent {
  std::vector<RememberedRun> runs;  // with the key that was asked for
  std::uint64_t damaged = 0;        // records that were passed over
  ByteOffset end = 0;               // behind the last whole record; what follows was torn
};
// A file that is empty, or torn within its header, is an empty cache. Errors: kBadInput if the file
// is something else, or made by another version.
[[nodiscard]] Result<CacheContent> read_cache(const File& file, const Hash128& key);

// A file to which runs are added as they end. Thread-safe.
class VerdictCache {
 public:
  // Makes it if it is absent. Only one may have it open; a second one is refused.
  // `notice` is told of damage.
  [[nodiscard]] static Result<std::unique_ptr<VerdictCache>> open(
      const std::string& path, const Hash128& key,
      const std::function<void(const std::string&)>& notice);

  // As they were found; once.
  [[nodiscard]] std::vector<RememberedRun> take_runs() { return std::move(runs_); }
  [[nodiscard]] Status add(const RememberedRun& run) POWERCUT_EXCLUDES(mutex_);

 private:
  VerdictCache(std::unique_ptr<PosixFile> file, CacheContent content)
      : runs_(std::move(content.runs)), file_(std::move(file)), end_(content.end) {}

  std::vector<RememberedRun> runs_;  // of the one who opened it
  Mutex mutex_;
  const std::unique_ptr<PosixFile> file_ POWERCUT_GUARDED_BY(mutex_);
  ByteOffset end_ POWERCUT_GUARDED_BY(mutex_);
};

}  // namespace powercut::explore
