// SPDX-License-Identifier: Apache-2.0
// A decision tree. A node asks for one block: there is a child for each content that some run has found
// in it, and one for the runs that have not read it at all. A stretch without a choice is kept as
// a path in one node.
//
// A deterministic program decides by what it has read which block it reads next, so its runs would
// make a tree without the last kind of child. But several programs that run side by side, and a kernel
// that reads ahead, mix the order of the same reads. So a run goes down the tree in whatever order
// that asks, and only what is left of its blocks at a leaf keeps its own order.
//
// Every path from the root to a leaf holds all blocks of that run, each with its content, and no
// others: a leaf that a state reaches is right for it. And a run that fits a state is always found:
// the state can follow it wherever it went.
#include "explore/read_tree.h"

#include <utility>

namespace powercut::explore {
namespace {

constexpr std::size_t kNodeBytes = 200;  // with its place in the map of its parent
constexpr std::size_t kReadBytes = sizeof(ReadBlock);

}  // namespace

ReadTree::Node& ReadTree::add_node() {
  memory_bytes_ += kNodeBytes;
  return nodes_.emplace_back();
}

ReadTree::Node& ReadTree::add_leaf(std::vector<ReadBlock> path, std::size_t run) {
  Node& leaf = add_node();
  memory_bytes_ += path.size() * kReadBytes;
  leaf.path = std::move(path);
  leaf.run = run;
  return leaf;
}

void ReadTree::split(Node& node, std::size_t at) {
  Node& below = add_node();
  const auto rest = node.path.begin() + static_cast<std::ptrdiff_t>(at);
  const ReadBlock asked = *rest;
  below.path.assign(rest + 1, node.path.end());
  node.path.erase(rest, node.path.end());
  node.path.shrink_to_fit();
  below.run = std::exchange(node.run, std::nullopt);
  below.block = std::exchange(node.block, asked.block);
  below.with = std::exchange(node.with, {});
  below.without = std::exchange(node.without, nullptr);
  node.with.emplace(asked.content, &below);
}

Result<std::optional<std::size_t>> ReadTree::find(const Content& content) const {
  const auto fits = [&](const Node& node) -> Result<bool> {
    for (const auto& [block, expected] : node.path) {
      const Hash128 found = POWERCUT_TRY(content(block));
      if (found != expected) return false;
    }
    return true;
  };
  std::vector<const Node*> next = {&nodes_.front()};
  while (!next.empty()) {
    const Node& node = *next.back();
    next.pop_back();
    const bool is_fit = POWERCUT_TRY(fits(node));
    if (!is_fit) continue;
    if (node.run) return node.run;
    if (node.without != nullptr) next.push_back(node.without);
    if (node.with.empty()) continue;
    const auto child = node.with.find(POWERCUT_TRY(content(node.block)));
    if (child != node.with.end()) next.push_back(child->second);
  }
  return std::optional<std::size_t>();
}

// What of a run's blocks the way down has not met yet.
class ReadTree::Insertion {
 public:
  explicit Insertion(const std::vector<ReadBlock>& reads) : reads_(reads) {
    for (const auto& read : reads) left_.emplace(read.block, read.content);
  }
  // What was read in the block, which is met by this; nothing if it was not read.
  [[nodiscard]] std::optional<Hash128> take(std::uint64_t block) {
    const auto at = left_.find(block);
    if (at == left_.end()) return std::nullopt;
    const Hash128 content = at->second;
    left_.erase(at);
    return content;
  }
  [[nodiscard]] std::vector<ReadBlock> rest() const {
    std::vector<ReadBlock> rest;
    for (const auto& read : reads_) {
      if (left_.contains(read.block)) rest.push_back(read);
    }
    return rest;
  }

 private:
  const std::vector<ReadBlock>& reads_;
  std::unordered_map<std::uint64_t, Hash128> left_;
};

void ReadTree::insert(const std::vector<ReadBlock>& reads, std::size_t run) {
  Insertion insertion(reads);
  Node* node = &nodes_.front();
  const bool is_empty = nodes_.size() == 1 && memory_bytes_ == 0;
  if (is_empty) {
    memory_bytes_ = kNodeBytes + reads.size() * kReadBytes;
    node->path = reads;
    node->run = run;
    return;
  }
  // To the child for this content of the block that the node asks for. False if that is a new leaf.
  const auto go_down = [&](const std::optional<Hash128>& content) {
    Node*& child = content ? node->with[*content] : node->without;
    const bool is_known = child != nullptr;
    if (!is_known) child = &add_leaf(insertion.rest(), run);
    node = child;
    return is_known;
  };
  while (true) {
    for (std::size_t i = 0; i < node->path.size(); ++i) {
      const ReadBlock expected = node->path[i];
      const auto content = insertion.take(expected.block);
      if (content == expected.content) continue;
      split(*node, i);
      static_cast<void>(go_down(content));
      return;
    }
    if (node->run) return;
    if (!go_down(insertion.take(node->block))) return;
  }
}

}  // namespace powercut::explore
