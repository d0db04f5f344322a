// SPDX-License-Identifier: Apache-2.0
// The one encoder and the one decoder of format.h: used by writer, reader, dumper, fuzzers and
// tests.
#pragma once

#include <memory>

#include "log/entry.h"

namespace powercut::log {

[[nodiscard]] Status check_sector_size(std::uint64_t sector_size);

// Writes all of `sector` (sector_size bytes).
void encode_super_block(const SuperBlock& super_block, MutableBytes sector);
// `bytes` begins with sector 0; at least 32 bytes. With less than the whole sector, or without a
// valid extension, `extension` is empty. Errors (kBadInput): not a log, another version, impossible
// sector size.
[[nodiscard]] Result<SuperBlock> decode_super_block(ConstBytes bytes);

// Writes all of `sector` (entry.sector_size bytes); log_offset is not encoded, data_len is taken
// from the mark's text, which is cut to max_mark_bytes().
void encode_entry(const Entry& entry, MutableBytes sector);
// `sector` is one header sector, whole. index, log_offset and sector_size go into the result.
// Errors (kBadInput): all zero, unknown flags, a mark's text that does not fit, ranges that
// overflow. A damaged extension is no error.
[[nodiscard]] Result<Entry> decode_entry(ConstBytes sector, EntryIndex index,
                                         ByteOffset log_offset);

// The longest text a mark can carry.
[[nodiscard]] std::uint32_t max_mark_bytes(std::uint32_t sector_size, bool with_extension);

// XXH3-64, as the extension keeps it of each payload.
[[nodiscard]] std::uint64_t payload_hash(ConstBytes payload);

// The same, piece by piece.
class PayloadHasher {
 public:
  PayloadHasher();
  ~PayloadHasher();
  PayloadHasher(const PayloadHasher&) = delete;
  PayloadHasher& operator=(const PayloadHasher&) = delete;

  void add(ConstBytes piece);
  [[nodiscard]] std::uint64_t digest() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace powercut::log
