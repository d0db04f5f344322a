// SPDX-License-Identifier: Apache-2.0
#include "support/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <vector>

#include "base/check.h"
#include "io/posix_file.h"

namespace powercut::test {
namespace {

class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    POWERCUT_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(ConstBytes bytes) {
    POWERCUT_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  [[nodiscard]] std::string finish() {
    std::array<unsigned char, 32> digest{};
    POWERCUT_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    std::string hex;
    for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256(ConstBytes bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

std::string sha256(const File& file) {
  Hasher hasher;
  std::vector<std::byte> buffer(kMiB);
  for (ByteOffset at = 0;;) {
    const Result<std::size_t> n = file.read_at(at, buffer);
    if (!n) throw std::runtime_error(n.error().message);
    if (*n == 0) return hasher.finish();
    hasher.add(ConstBytes(buffer).first(*n));
    at += *n;
  }
}

std::string sha256_of_path(const std::string& path) {
  const auto file = PosixFile::open(path, {});
  if (!file) throw std::runtime_error(file.error().message);
  return sha256(**file);
}

}  // namespace powercut::test
