// SPDX-License-Identifier: Apache-2.0
#include "check/file_content.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace powercut::check {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

Unexpected hash_failed() {
  return environment_error("libcrypto cannot make a SHA-256 hash");
}

Result<std::string> digest_of(const Context& context) {
  std::vector<unsigned char> digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (::EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) return hash_failed();
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

// Behind the last byte that is not zero.
std::size_t data_end(const std::vector<std::byte>& buffer, std::size_t size) {
  const auto end = std::find_if(buffer.rend() - static_cast<std::ptrdiff_t>(size), buffer.rend(),
                                [](std::byte byte) { return byte != std::byte{0}; });
  return static_cast<std::size_t>(buffer.rend() - end);
}

}  // namespace

Result<std::optional<FileReading>> read_file(int fd, const std::function<bool()>& stop) {
  const Context context(::EVP_MD_CTX_new());
  if (context == nullptr || ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) != 1) {
    return hash_failed();
  }
  FileReading reading;
  ByteCount& size = reading.content.size_bytes;
  std::vector<std::byte> buffer(kMiB);
  while (!stop()) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(fmt::format("cannot read at byte {}", size));
    if (n == 0) {
      reading.content.sha256 = POWERCUT_TRY(digest_of(context));
      return reading;
    }
    const auto length = static_cast<std::size_t>(n);
    if (::EVP_DigestUpdate(context.get(), buffer.data(), length) != 1) return hash_failed();
    const std::size_t end = data_end(buffer, length);
    if (end > 0) reading.end_of_data = size + end;
    size += length;
  }
  return std::optional<FileReading>();
}

}  // namespace powercut::check
