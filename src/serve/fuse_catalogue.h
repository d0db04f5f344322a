// SPDX-License-Identifier: Apache-2.0
// Block devices as files, too many to be published one by one (fuse_folder.h): a file is made when
// it is asked for, and a folder's names are made up as it is listed.
//
// Whatever is not open and has not been written takes no memory here, however often it was listed
// or looked at. A file is copy on write: what is written stays with this name, also while nobody has
// the file open, until the name is removed; then it is the device again as it was at first. Whoever
// has a removed file open keeps it with what was written.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/fuse_folder.h"

namespace powercut::serve {

// The files of a folder, told apart by numbers below 2^56. Thread-safe.
class FileSource {
 public:
  virtual ~FileSource() = default;
  FileSource() = default;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  // Which file a name is; nothing if none. Several names may lead to one.
  [[nodiscard]] virtual Result<std::optional<std::uint64_t>> find(const std::string& name) = 0;
  // Gives out files by rising number, from `first` on, until the sink has enough. Not all that can
  // be found need be listed.
  using Sink = std::function<bool(std::uint64_t number, const std::string& name)>;
  [[nodiscard]] virtual Status list(std::uint64_t first, const Sink& sink) = 0;

  // What a file holds at first; never written.
  [[nodiscard]] virtual Result<std::shared_ptr<BlockDevice>> open(std::uint64_t number) = 0;
  // What the size of open()'s device would be.
  [[nodiscard]] virtual ByteCount size_bytes(std::uint64_t number) const = 0;
};

struct Catalogue {
  struct Folder {
    std::string name;
    std::shared_ptr<FileSource> files;
  };
  // A text that can be read; it is made each time somebody looks it up.
  struct Text {
    std::string name;
    std::function<std::string()> make;
  };
  std::vector<Folder> folders;
  std::vector<Text> texts;
};

class FuseCatalogueTree;
class FuseSession;

// A mount of a catalogue. Thread-safe, but for unmount() and the destructor.
class FuseCatalogue {
 public:
  // `path` is an existing directory.
  [[nodiscard]] static Result<std::unique_ptr<FuseCatalogue>> mount(const std::string& path,
                                                                    Catalogue catalogue,
                                                                    FuseMountOptions options);
  ~FuseCatalogue();
  FuseCatalogue(const FuseCatalogue&) = delete;
  FuseCatalogue& operator=(const FuseCatalogue&) = delete;

  // As FuseFolder's, but files that are open go on being served meanwhile.
  [[nodiscard]] Status unmount(std::chrono::milliseconds patience = kUnmountPatience);
  [[nodiscard]] int ended_fd() const;
  // Files that hold what was written to them.
  [[nodiscard]] std::uint64_t nr_written() const;

 private:
  FuseCatalogue(std::shared_ptr<FuseCatalogueTree> tree, std::unique_ptr<FuseSession> session);

  const std::shared_ptr<FuseCatalogueTree> tree_;
  const std::unique_ptr<FuseSession> session_;
};

}  // namespace powercut::serve
