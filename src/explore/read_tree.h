// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace powercut::explore {

// A block of a state, and what was in it.
struct ReadBlock {
  std::uint64_t block = 0;
  Hash128 content;
  friend bool operator==(const ReadBlock&, const ReadBlock&) = default;
};

// Which blocks runs of a checker have read, and what was in them: finds, for a state, a run all of whose
// blocks have the same content there. Thread-safe while nothing is inserted.
class ReadTree {
 public:
  ReadTree() { nodes_.emplace_back(); }

  // What the state has in a block. An error ends the search, and is its result.
  using Content = std::function<Result<Hash128>(std::uint64_t block)>;
  // A run's number; nothing if there is none that fits.
  [[nodiscard]] Result<std::optional<std::size_t>> find(const Content& content) const;

  // `reads` has each block once. What runs read first should stand first: runs that begin alike share
  // that. Nothing changes where a run is known that has read a part of the same.
  void insert(const std::vector<ReadBlock>& reads, std::size_t run);

  // That it takes, near enough.
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Node {
    std::vector<ReadBlock> path;     // that all runs below have read
    std::optional<std::size_t> run;  // that has read no more; else the runs below differ in
    std::uint64_t block = 0;         // this one's content, or in having read it
    std::unordered_map<Hash128, Node*, HashOfHash128> with;
    Node* without = nullptr;
  };
  class Insertion;

  [[nodiscard]] Node& add_leaf(std::vector<ReadBlock> path, std::size_t run);
  [[nodiscard]] Node& add_node();
  // Makes the node end in front of path[at]; what it was is below that block's content.
  void split(Node& node, std::size_t at);

  std::deque<Node> nodes_;  // the first is the root; until the first run it leads nowhere
  std::size_t memory_bytes_ = 0;
};

}  // namespace powercut::explore
