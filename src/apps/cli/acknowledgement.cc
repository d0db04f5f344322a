// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/acknowledgement.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "io/posix_file.h"

namespace powercut::apps {
namespace {

namespace fs = std::filesystem;

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

Unexpected hash_failed() {
  return environment_error("libcrypto cannot make a SHA-256 hash");
}

struct Content {
  ByteCount size_bytes = 0;
  std::string sha256;
};

// One pass, so that size and hash belong to the same reading.
Result<Content> read_content(const File& file) {
  const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
  if (context == nullptr || ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) != 1) {
    return hash_failed();
  }
  Content content;
  std::vector<std::byte> buffer(kMiB);
  while (true) {
    const std::size_t n = POWERCUT_TRY(file.read_at(content.size_bytes, buffer));
    if (::EVP_DigestUpdate(context.get(), buffer.data(), n) != 1) return hash_failed();
    content.size_bytes += n;
    if (n < buffer.size()) break;
  }
  std::vector<unsigned char> digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (::EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) return hash_failed();
  for (unsigned i = 0; i < length; ++i) content.sha256 += fmt::format("{:02x}", digest[i]);
  return content;
}

// With symbolic links resolved on both sides, so that it is told by place, not by spelling.
std::string path_within(const std::string& path, const std::string& mount_point) {
  if (mount_point.empty()) return path;
  std::error_code error;
  const fs::path root = fs::canonical(mount_point, error);
  if (error) return path;
  const fs::path real = fs::canonical(path, error);
  if (error) return path;
  const fs::path relative = real.lexically_relative(root);
  return relative.empty() || *relative.begin() == ".." ? path : relative.string();
}

}  // namespace

Result<std::string> acknowledgement_mark(const std::string& path, const std::string& mount_point) {
  const auto file = POWERCUT_TRY(PosixFile::open(path, {}));
  const Content content = POWERCUT_TRY(read_content(*file));
  const nlohmann::ordered_json mark = {{"file", path_within(path, mount_point)},
                                       {"size", content.size_bytes},
                                       {"sha256", content.sha256}};
  try {
    return mark.dump();
  } catch (const nlohmann::json::exception&) {
    return usage_error(fmt::format(
        "'{}': the file's name is not UTF-8, as the JSON of an acknowledgement mark has to be",
        path));
  }
}

}  // namespace powercut::apps
