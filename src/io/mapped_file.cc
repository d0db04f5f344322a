// SPDX-License-Identifier: Apache-2.0
#include "io/mapped_file.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/check.h"

namespace powercut {

Result<MappedFile> MappedFile::map(const PosixFile& file, ByteRange range) {
  POWERCUT_CHECK(is_aligned(range.begin, 64 * kKiB));
  if (range.size() == 0) return MappedFile(ConstBytes{});
  void* address = ::mmap(nullptr, range.size(), PROT_READ, MAP_SHARED, file.fd(),
                         static_cast<off_t>(range.begin));
  if (address == MAP_FAILED) {
    return os_error(fmt::format("cannot map {} bytes of '{}' at byte {}", range.size(), file.name(),
                                range.begin));
  }
  return MappedFile(ConstBytes(static_cast<const std::byte*>(address), range.size()));
}

MappedFile::MappedFile(ConstBytes bytes)
    : bytes_(bytes), guard_(bytes.empty() ? nullptr : std::make_unique<SigbusGuard>(bytes)) {}

MappedFile::~MappedFile() {
  guard_.reset();
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace powercut
