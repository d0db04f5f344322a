// SPDX-License-Identifier: Apache-2.0
// Writes the inputs with which the fuzzers begin: make_corpus fuzz/corpus
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/check.h"
#include "explore/cache_format.h"
#include "explore/verdict_cache.h"
#include "findings/finding.h"
#include "fuzz/index_log.h"
#include "index/format.h"
#include "index/log_index.h"
#include "io/posix_file.h"
#include "log/codec.h"
#include "log/reader.h"
#include "replay/image_state.h"
#include "support/golden.h"
#include "support/log_builder.h"
#include "support/temporary_directory.h"

namespace powercut {
namespace {

using test::LogBuilder;

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void put(const std::string& target, const std::string& name, ConstBytes content) const {
    std::filesystem::create_directories(folder_ / target);
    std::ofstream out(folder_ / target / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(content.data()),
              static_cast<std::streamsize>(content.size()));
    POWERCUT_CHECK(out.good());
  }
  void put(const std::string& target, const std::string& name, const std::string& text) const {
    put(target, name, ConstBytes(reinterpret_cast<const std::byte*>(text.data()), text.size()));
  }
  // Also as one whose hashes are made right, and each of its first sectors for the codec.
  void put_log(const std::string& name, std::vector<std::byte> log) const {
    put("log", name, log);
    const auto super_block = log::decode_super_block(log);
    if (!super_block) return;
    put_sectors(name, log, super_block->sector_size);
    log[28] = std::byte{1};
    put("log", name + "-fixed", log);
  }

 private:
  void put_sectors(const std::string& name, ConstBytes log, std::size_t sector_size) const {
    if (sector_size > 4096) return;
    unsigned choice = 0;
    while ((std::size_t{32} << choice) < sector_size) ++choice;
    for (std::size_t i = 0; i < 4 && (i + 1) * sector_size <= log.size(); ++i) {
      const unsigned structure = i == 0 ? 16 : 0;
      std::vector<std::byte> input = {static_cast<std::byte>(choice | 8 | structure)};
      const ConstBytes sector = log.subspan(i * sector_size, sector_size);
      input.insert(input.end(), sector.begin(), sector.end());
      put("codec", name + "-" + std::to_string(i), input);
    }
  }
  const std::filesystem::path folder_;
};

LogBuilder& fill(LogBuilder& builder) {
  return builder.write(0, "A").fua(1, "B").flush().zeroes(4, 2).discard(2, 2).mark("m").write(3,
                                                                                              "CD");
}

// The first entries of it, without the large ones.
std::vector<std::byte> cut_down(const test::GoldenLog& golden) {
  constexpr std::size_t kEntries = 8;
  const auto file = golden.unpack();
  auto reader = log::Reader::open(*file);
  POWERCUT_CHECK(reader);
  LogBuilder builder(reader->sector_size());
  while (builder.nr_entries() < kEntries) {
    const auto entry = reader->next();
    if (!entry) break;
    if (entry->payload_bytes() > std::max<ByteCount>(kKiB, entry->sector_size)) continue;
    std::vector<std::byte> payload(entry->payload_bytes());
    POWERCUT_CHECK(reader->read_payload(*entry, 0, payload));
    builder.entry(*entry, payload);
  }
  return builder.bytes();
}

void make_logs(const Corpus& corpus) {
  for (const std::uint32_t sector_size : {32u, 512u, 4096u}) {
    LogBuilder builder(sector_size);
    const std::string name = "plain-" + std::to_string(sector_size);
    corpus.put_log(name, fill(builder).bytes());
    if (sector_size == 4096) break;
    corpus.put_log(name + "-stale", builder.count(2).bytes());
    corpus.put_log(name + "-over", builder.count(99).bytes());
    auto torn = builder.bytes();
    torn.resize(torn.size() - 7);
    corpus.put_log(name + "-torn", torn);
  }
  LogBuilder extended(512, test::test_extension(1 * kMiB));
  corpus.put_log("extended", fill(extended).bytes());
  corpus.put_log("extended-stale", extended.count(2).bytes());
  corpus.put_log("empty", LogBuilder().bytes());
  for (const auto& golden : test::golden_logs())
    corpus.put_log("golden-" + golden.name, cut_down(golden));
}

void make_lines(const Corpus& corpus) {
  corpus.put("control", "mark", std::string("mark a mark\nstatus\nflush\n"));
  corpus.put("control", "utf8", std::string("mark \xc3\xa4\xe2\x82\xac\nmark \xff\xfe\n"));
  corpus.put("control", "empty", std::string("\n\n"));
  corpus.put("control", "wrong", std::string("marks\nmark\nmark \nstatus x\nflush \nquit\n"));
  corpus.put("control", "zero", std::string("mark a\0b\n", 9));
  corpus.put("control", "long",
             "mark " + std::string(400, 'x') + "\nmark " + std::string(383, 'y'));
}

void make_state_ids(const Corpus& corpus) {
  // Of the log in fuzz/state_id.cc most mean something.
  const char* const ids[] = {"entry:9",
                             "entry:9:discard:stale",
                             "epoch:2:kept:2",
                             "epoch:5:lost:3.6:discard:random:7",
                             "epoch:5:kept:7:torn:3:0.2:torn:7:1:unit:1024:discard:stale",
                             "exact:10:lost:0",
                             "exact:15:kept:3.6-7:discard:random:18446744073709551615",
                             "exact:4:torn:0:1-6",
                             "epoch:0x1",
                             "epoch:1:lost:3-2",
                             "exact:1:torn:0:0:unit:3",
                             "epoch:1::",
                             "prefix:1"};
  for (const char* id : ids) {
    std::string name = id;
    std::replace(name.begin(), name.end(), ':', '_');
    corpus.put("state_id", name, std::string(id));
  }
}

void make_image_states(const Corpus& corpus) {
  replay::ImageState state;
  state.log_path = "/x/run.log";
  state.base_path = "/x/\"base\"";
  state.log.spanned_bytes = 7;
  state.log.hash = ~std::uint64_t{0};
  state.name = "entry:5";
  state.has_arrived = true;
  state.position = replay::Position{5, 5};
  state.image = {1024, 77, 1'700'000'000'123'456'789};
  corpus.put("image_state", "at", to_text(state));
  state.name = "epoch:5:lost:4";
  state.position = replay::Position{3, 6};
  state.log = {};
  state.log.uuid = test::test_extension(4096).uuid;
  corpus.put("image_state", "crashed", to_text(state));
  state.has_arrived = false;
  corpus.put("image_state", "moving", to_text(state));
  state.position.reset();
  corpus.put("image_state", "as-a-whole", to_text(state));
  corpus.put("image_state", "deep", std::string(1000, '['));
}

void make_findings(const Corpus& corpus) {
  using namespace findings;
  Exploration run;
  run.log = "run.log";
  run.from_reason = "mark mkfs";
  run.notes = {"a \xff note", "another"};
  StateResult failed;
  failed.state = "epoch:412:lost:409";
  failed.mark = "ack 17";
  failed.source = Source::kReads;
  failed.same_as = "epoch:411";
  failed.outcome = Outcome::kSignal;
  failed.code = 9;
  failed.seconds = 0.25;
  failed.output = "line 1\nline 2";
  Cause cause;
  cause.lost = {{.entry = 409, .kind = "write", .end = 4096, .units = 8, .survived = {0, 3}}};
  cause.barrier = Barrier{409, 411, "a write"};
  const FlushVerdict flush{.entry = 7, .kind = "fua", .is_needed = true, .state = "entry:3"};
  const std::pair<const char*, Record> records[] = {
      {"run", run},
      {"passed", StateResult{.state = "entry:1"}},
      {"failed", failed},
      {"cause", cause},
      {"flush", flush},
      {"disagreement", Disagreement{"entry:1", "entry:2", "passed", "signal"}},
      {"summary", Summary{.possible_log2 = 12.5, .checked = 3, .stopped_at_limit = "--time"}}};
  for (const auto& [name, record] : records) corpus.put("findings", name, to_json(record));
}

// As fuzz/index.cc takes them apart: of one segment, and of one that was gone on with.
void make_sidecars(const Corpus& corpus) {
  const test::TemporaryDirectory directory;
  const std::string log_path = directory / "a.log";
  const std::string sidecar_path = directory / "a.log.idx";
  LogBuilder log = make_index_log();
  const EntryIndex all = log.nr_entries();
  for (const auto& [name, counts] : std::map<std::string, std::vector<EntryIndex>>{
           {"whole", {all}}, {"extended", {all - 60, all - 12, all - 2, all}}, {"short", {9}}}) {
    std::filesystem::remove(sidecar_path);
    for (const EntryIndex count : counts) {
      log.count(count).write_to(log_path);
      auto file = PosixFile::open(log_path, {});
      POWERCUT_CHECK(file && index::LogIndex::open(std::shared_ptr<const File>(*std::move(file)),
                                                   {.sidecar_path = sidecar_path}));
    }
    const auto sidecar = PosixFile::open(sidecar_path, {});
    POWERCUT_CHECK(sidecar);
    std::vector<std::byte> content(*(*sidecar)->size());
    POWERCUT_CHECK(read_exactly(**sidecar, 0, content));
    std::vector<std::byte> input = {std::byte{0}};
    input.insert(input.end(), content.begin(), content.begin() + sizeof(index::IndexHeaderDisk));
    for (std::size_t at = index::kSegmentAlignment; at < content.size();
         at += index::kSegmentAlignment) {
      ConstBytes block = ConstBytes(content).subspan(at);
      if (block.size() > index::kSegmentAlignment) {
        block = block.first(index::kSegmentAlignment);
        while (!block.empty() && block.back() == std::byte{0})
          block = block.first(block.size() - 1);
      }
      const Le16 length = static_cast<std::uint16_t>(block.size());
      const auto length_bytes = std::as_bytes(std::span(&length, 1));
      input.insert(input.end(), length_bytes.begin(), length_bytes.end());
      input.insert(input.end(), block.begin(), block.end());
    }
    corpus.put("index", name, input);
    input[0] = std::byte{1};
    corpus.put("index", name + "-fixed", input);
  }
}

// As fuzz/cache.cc takes them; an odd last byte has checksums put right.
void make_caches(const Corpus& corpus) {
  using namespace explore;
  const test::TemporaryDirectory directory;
  const std::string path = directory / "cache";
  {
    const auto cache = VerdictCache::open(path, {1, 2}, {});
    POWERCUT_CHECK(cache);
    RememberedRun run{.key = {1, 2}, .marks = {3, 4}};
    POWERCUT_CHECK((*cache)->add(run));
    run.verdict = {check::Outcome::kExitStatus, 4, "e2fsck -fn", "all of it", "a part"};
    run.reads = {{0, {5, 6}}, {7, {8, 9}}};
    POWERCUT_CHECK((*cache)->add(run));
    run.key = {10, 11};
    POWERCUT_CHECK((*cache)->add(run));
  }
  const auto file = PosixFile::open(path, {});
  POWERCUT_CHECK(file);
  std::vector<std::byte> content(*(*file)->size());
  POWERCUT_CHECK(read_exactly(**file, 0, content));
  corpus.put("cache", "whole", content);
  corpus.put("cache", "torn", ConstBytes(content).first(content.size() - 5));
  corpus.put("cache", "empty", ConstBytes(content).first(sizeof(CacheHeaderDisk)));
  std::vector<std::byte> damaged = content;
  damaged[sizeof(CacheHeaderDisk) + sizeof(RecordHeaderDisk) + sizeof(HashDisk)] ^= std::byte{1};
  corpus.put("cache", "damaged", damaged);
  damaged.push_back(std::byte{1});
  corpus.put("cache", "damaged-fixed", damaged);
  content[8] = std::byte{9};
  corpus.put("cache", "version", content);
}

}  // namespace
}  // namespace powercut

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "make_corpus FOLDER\n");
    return 2;
  }
  try {
    const powercut::Corpus corpus(argv[1]);
    powercut::make_logs(corpus);
    powercut::make_lines(corpus);
    powercut::make_state_ids(corpus);
    powercut::make_image_states(corpus);
    powercut::make_findings(corpus);
    powercut::make_sidecars(corpus);
    powercut::make_caches(corpus);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
