// SPDX-License-Identifier: Apache-2.0
// The file in which an index is kept: is there one, is it sound, does it belong to this log?
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "index/segment.h"
#include "log/reader.h"

namespace powercut::index {

// Which log it is, of those that look alike; see sidecar.cc.
struct LogIdentity {
  log::Uuid uuid = {};
  std::uint64_t mtime_ns = 0;
  ByteCount file_bytes = 0;
  friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};
// To be asked before its entries are read.
[[nodiscard]] LogIdentity identify(const log::Reader& reader);

struct Sidecar {
  Segments segments;
  EntryIndex nr_entries = 0;
  ByteOffset log_end_offset = 0;
};

// Nothing if there is no such file. Errors (kBadInput): it is no index, of another version, cut short
// or damaged as far as it has been looked at (segments are checked as they are read); it belongs to
// another log, or to a longer one; it is in the hands of somebody who could not have written the log.
[[nodiscard]] Result<std::optional<Sidecar>> load_sidecar(const std::string& path,
                                                          const log::Reader& reader);

// kBadInput if there is something that is not an index: it is not to be replaced.
[[nodiscard]] Status check_replaceable(const std::string& path);

// Of all in front of header_hash.
[[nodiscard]] std::uint64_t hash_of(const IndexHeaderDisk& header);

// What ties an index of these segments to a log. The store fills in the rest.
[[nodiscard]] Result<IndexHeaderDisk> make_header(const log::Reader& reader,
                                                  const LogIdentity& identity,
                                                  const Segments& segments,
                                                  ByteOffset log_end_offset);

}  // namespace powercut::index
