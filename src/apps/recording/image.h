// SPDX-License-Identifier: Apache-2.0
// What is recorded: finding it, or making it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace powercut::apps {

// Where `file` leads to another thing than a path: an NBD URI, or memory:BYTES.
[[nodiscard]] bool is_path(const std::string& file);

// The image of a recording that is being prepared. Unless keep() is called, an image that was made
// for it is removed again at the end.
class Image {
 public:
  struct Options {
    std::string file;  // empty: a temporary image
    std::optional<ByteCount> size_bytes;
    // A file system will be made on it: it has to be blank, or `overwrite` blanks it.
    bool must_be_blank = false;
    bool overwrite = false;
  };
  [[nodiscard]] static Result<Image> prepare(const Options& options);
  Image(Image&& other) noexcept;
  Image& operator=(Image&&) = delete;
  ~Image();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_temporary() const { return is_temporary_; }
  // The recording goes on with it: a temporary image loses its name and lives as long as it is
  // open.
  void keep();

 private:
  Image(std::string path, bool was_made, bool is_temporary)
      : path_(std::move(path)), was_made_(was_made), is_temporary_(is_temporary) {}

  std::string path_;
  bool was_made_;
  bool is_temporary_;
};

}  // namespace powercut::apps
