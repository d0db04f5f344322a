// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "log/entry.h"
#include "log/read_ahead.h"

namespace powercut::log {

// How reading came to its end.
struct Ending {
  enum class Kind {
    kCounted,  // at the end that the super block's count gives
    kTorn,     // the file ends within this entry: normal after a kill
    kCorrupt,  // this cannot be an entry
    kIoError,
  };
  Kind kind = Kind::kCounted;
  EntryIndex entry = 0;       // the first entry that was not read
  ByteOffset log_offset = 0;  // where its header begins
  std::string message;        // of all but kCounted: what, where, what to do

  [[nodiscard]] bool is_whole() const { return kind == Kind::kCounted; }
};

// The error for commands that need a whole log; success if it is.
[[nodiscard]] Status to_status(const Ending& ending);

struct ReaderOptions {
  // Go on behind the super block's count for as long as what stands there is, by all that can be
  // checked, a whole entry of this log: the way to what a killed recorder left (see repair.h).
  // Payload hashes of these entries are checked.
  bool past_count = false;
  // Where entries are small, so that nearly all of the log is read to get at their headers, a
  // thread of the reader's own helps with that: for passes through a whole log.
  bool read_ahead = false;
};

// Reads a log's entries in order, headers only unless payloads are asked for. The log is untrusted:
// every size is checked against the file before anything is allocated or read. Works on a log that
// is being written. Not thread-safe, but for read_payload, which may be called from many threads.
class Reader {
 public:
  // `file` outlives the reader. Errors (kBadInput): not a log, cut short within the super block.
  [[nodiscard]] static Result<Reader> open(const File& file, const ReaderOptions& options = {});

  // With a super block that the file does not have, or not like that.
  Reader(const File& file, SuperBlock super_block, ByteCount file_size,
         const ReaderOptions& options);

  [[nodiscard]] const SuperBlock& super_block() const { return super_block_; }
  [[nodiscard]] std::uint32_t sector_size() const { return super_block_.sector_size; }
  [[nodiscard]] const File& file() const { return *file_; }
  [[nodiscard]] ByteCount file_size() const { return file_size_; }

  // The next entry, or nothing at the end; then ending() tells how it came.
  [[nodiscard]] std::optional<Entry> next();
  [[nodiscard]] const Ending& ending() const { return ending_; }
  // Of the entry that next() would give.
  [[nodiscard]] EntryIndex position() const { return next_index_; }
  [[nodiscard]] ByteOffset log_offset() const { return next_offset_; }
  // Goes on from an entry whose place is known (by an index, or an earlier pass).
  void seek(EntryIndex index, ByteOffset log_offset);

  // A part of an entry's payload, from byte `from` of it on.
  [[nodiscard]] Status read_payload(const Entry& entry, ByteCount from, MutableBytes buffer) const;

 private:
  [[nodiscard]] std::nullopt_t end(Ending::Kind kind, std::string message);
  [[nodiscard]] Result<ConstBytes> header_sector();
  [[nodiscard]] bool is_in_window() const;
  [[nodiscard]] Status read_window();
  [[nodiscard]] bool is_recoverable(const Entry& entry) const;

  const File* file_;
  SuperBlock super_block_;
  ByteCount file_size_;
  ReaderOptions options_;
  EntryIndex next_index_ = 0;
  ByteOffset next_offset_ = 0;
  Ending ending_;
  // The bytes around the next header: small entries are read many at a time, large payloads jumped
  // over.
  ConstBytes window_;  // of `buffer_`, or of `ahead_`
  std::vector<std::byte> buffer_;
  std::unique_ptr<ReadAhead> ahead_;
  ByteOffset window_offset_ = 0;
  std::size_t headers_in_window_ = 0;  // how many were taken from it
};

// Whether all of an entry's payload has the hash that its extension gives, or is zero if its
// extension says so; nothing if there is none.
[[nodiscard]] Result<std::optional<bool>> payload_matches(const Reader& reader, const Entry& entry);

}  // namespace powercut::log
