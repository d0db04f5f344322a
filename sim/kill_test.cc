// SPDX-License-Identifier: Apache-2.0
// G6: the recorder is killed at random moments under load, over FUSE (powercut record --fuse) and
// over NBD (the nbdkit plugin). What is left is repaired, and gone on with by log-append; all that
// was answered must be there, and replay to what is on the disk.
//
// $POWERCUT_KILLS: how often each is killed (20).
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <set>
#include <thread>

#include "base/check.h"
#include "base/prng.h"
#include "base/subprocess.h"
#include "block/nbd_device.h"
#include "io/memory_file.h"
#include "io/posix_file.h"
#include "log/repair.h"
#include "log/verify.h"
#include "sim/checkers.h"
#include "sim/seed.h"
#include "support/nbd_server.h"
#include "support/temporary_directory.h"

namespace powercut::sim {
namespace {

using std::chrono::milliseconds;

constexpr ByteCount kDiskSize = 4 * kMiB;
constexpr std::uint64_t kNeverAnswered = std::uint64_t{1} << 62;

struct Setup {
  std::string disk;
  std::string log;
  bool append = false;
  bool extensions = true;
};

// A recorder in a process of its own, and the way to it.
class Victim {
 public:
  virtual ~Victim() = default;
  Victim() = default;
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  // From many threads.
  [[nodiscard]] virtual Status send(const SimRequest& request) = 0;
  // Returns when it is dead and nothing of it is left.
  virtual void kill() = 0;
  // As a user ends it.
  virtual void stop() = 0;
};

class FuseVictim final : public Victim {
 public:
  static std::unique_ptr<Victim> start(const Setup& setup, const std::string& directory) {
    auto victim = std::unique_ptr<FuseVictim>(new FuseVictim);
    victim->path_ = directory + "/fuse";
    SubprocessOptions options;
    options.argv = {POWERCUT_PROGRAM,
                    "record",
                    "--file",
                    setup.disk,
                    "--log",
                    setup.log,
                    "--fuse",
                    victim->path_,
                    "--log-super-update-interval",
                    "100"};
    if (setup.append) options.argv.emplace_back("--log-append");
    if (!setup.append && !setup.extensions) {
      options.argv.emplace_back("--log-extensions");
      options.argv.emplace_back("off");
    }
    options.output = options.error_output = SubprocessOptions::Output::kCapture;
    auto process = Subprocess::start(options);
    POWERCUT_CHECK(process);
    victim->process_.emplace(*std::move(process));
    for (int i = 0; i < 2000; ++i) {
      struct stat info {};
      if (::stat(victim->path_.c_str(), &info) == 0 &&
          static_cast<ByteCount>(info.st_size) == kDiskSize) {
        victim->fd_ = UniqueFd(::open(victim->path_.c_str(), O_RDWR | O_CLOEXEC));
        POWERCUT_CHECK(victim->fd_.valid());
        return victim;
      }
      const auto ended = victim->process_->wait(milliseconds(10));
      if (ended && *ended) {
        ADD_FAILURE() << (*ended)->describe() << "\n" << (*ended)->error_output;
        return nullptr;
      }
    }
    ADD_FAILURE() << "the FUSE file did not appear";
    return nullptr;
  }
  ~FuseVictim() override { kill(); }

  [[nodiscard]] Status send(const SimRequest& request) override {
    const auto begin = static_cast<off_t>(request.range.begin);
    const auto size = request.range.size();
    switch (request.kind) {
      case Kind::kWrite:
        if (::pwrite(fd_.get(), request.data.data(), size, begin) != static_cast<ssize_t>(size))
          return os_error("write");
        return {};
      case Kind::kZeroes: {
        const int mode = request.unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
        if (::fallocate(fd_.get(), mode | FALLOC_FL_KEEP_SIZE, begin, static_cast<off_t>(size)) !=
            0)
          return os_error("fallocate");
        return {};
      }
      default:
        if (::fsync(fd_.get()) != 0) return os_error("fsync");
        return {};
    }
  }

  void stop() override {
    fd_ = UniqueFd();
    process_->signal_group(SIGTERM);
    const auto ended = process_->wait(milliseconds(20'000));
    ASSERT_TRUE(ended && *ended) << "it does not end";
    // The signal may come before it serves.
    const int status = (*ended)->shell_status();
    EXPECT_TRUE(status == 0 || status == 128 + SIGTERM)
        << (*ended)->describe() << (*ended)->error_output;
  }

  void kill() override {
    if (!process_) return;
    ::kill(process_->pid(), SIGKILL);
    (void)process_->wait();
    process_.reset();
    fd_ = UniqueFd();
    // The recorder that comes next would do it, but there may be none.
    ::umount2(path_.c_str(), MNT_DETACH);
    ::unlink(path_.c_str());
  }

 private:
  FuseVictim() = default;
  std::string path_;
  std::optional<Subprocess> process_;
  UniqueFd fd_;
};

class NbdVictim final : public Victim {
 public:
  static std::unique_ptr<Victim> start(const Setup& setup, const std::string&) {
    std::vector<std::string> arguments = {POWERCUT_PLUGIN, "file=" + setup.disk, "log=" + setup.log,
                                          "log-super-update-interval=100"};
    if (setup.append) arguments.emplace_back("log-append=true");
    if (!setup.append && !setup.extensions) arguments.emplace_back("log-extensions=off");
    auto victim = std::unique_ptr<NbdVictim>(new NbdVictim);
    victim->server_ = test::NbdServer::nbdkit(arguments);
    if (!victim->server_) return nullptr;
    auto device = NbdDevice::open(victim->server_->uri());
    if (!device) {
      ADD_FAILURE() << device.error().message;
      return nullptr;
    }
    victim->device_ = *std::move(device);
    EXPECT_TRUE(victim->device_->native_fua());
    return victim;
  }

  [[nodiscard]] Status send(const SimRequest& request) override {
    const Fua fua = request.fua ? Fua::kYes : Fua::kNo;
    switch (request.kind) {
      case Kind::kWrite:
        return device_->write(request.range.begin, request.data, fua);
      case Kind::kZeroes:
        return device_->write_zeroes(request.range, request.unmap ? Unmap::kYes : Unmap::kNo, fua);
      default:
        return device_->flush();
    }
  }
  void stop() override {
    device_.reset();
    const SubprocessResult ended = server_->stop(SIGTERM);
    EXPECT_EQ(ended.describe(), "exited with status 0") << ended.error_output;
  }
  void kill() override {
    ::kill(server_->pid(), SIGKILL);
    (void)server_->stop(SIGKILL);
  }

 private:
  NbdVictim() = default;
  std::unique_ptr<test::NbdServer> server_;
  std::unique_ptr<NbdDevice> device_;
};

// Requests of which no two look alike in a log.
class Planner {
 public:
  // FUSE knows no FUA; nbdkit's clients keep to the sectors that it tells them of.
  Planner(std::uint64_t seed, bool is_nbd) : prng_(seed), is_nbd_(is_nbd) {}

  SimRequest next() {
    SimRequest request;
    const std::uint64_t dice = prng_.below(100);
    if (dice < 80) {
      request.kind = Kind::kWrite;
      request.range =
          range(!is_nbd_ && prng_.one_in(3) ? 1 : 512, prng_.one_in(8) ? 100'000 : 9000);
      request.data.resize(request.range.size());
      prng_.fill(request.data);
    } else if (dice < 90) {
      request.kind = Kind::kZeroes;
      request.unmap = prng_.one_in(2);
      do {
        request.range = range(512, 64 * kKiB);
      } while (!used_.emplace(request.range.begin, request.range.end).second);
    }
    request.fua = is_nbd_ && request.kind != Kind::kFlush && prng_.one_in(8);
    return request;
  }

 private:
  ByteRange range(ByteCount unit, ByteCount max_size) {
    const ByteCount size = unit * prng_.between((15 + unit) / unit, max_size / unit);
    const ByteOffset begin = unit * prng_.below((kDiskSize - size) / unit + 1);
    return {begin, begin + size};
  }

  Prng prng_;
  const bool is_nbd_;
  std::set<std::pair<ByteOffset, ByteOffset>> used_;
};

// What every round adds to.
struct Chain {
  History history;
  std::atomic<std::uint64_t> order = 0;
  std::uint64_t answered = 0;
};

// Sends requests until the recorder is dead.
void run_client(Victim& victim, Chain& chain, std::vector<SimRequest>& requests,
                const std::atomic<bool>& is_being_killed) {
  for (SimRequest& request : requests) {
    request.submit.order = ++chain.order;
    const Status status = victim.send(request);
    request.ok = status.has_value();
    // Only its death may make it fail.
    if (!request.ok && !is_being_killed) {
      ADD_FAILURE() << describe(request) << ": " << status.error().message;
    }
    request.is_unknown = !request.ok;
    request.complete.order = request.ok ? ++chain.order : kNeverAnswered;
    // The device's side of it is not seen; only that a flush was done when it was answered.
    if (request.kind == Kind::kFlush)
      request.device_calls = {{{}, request.complete, request.complete}};
    if (!request.ok) return;
  }
}

void load(Victim& victim, Chain& chain, Planner& planner, milliseconds life) {
  constexpr std::size_t kClients = 4;
  constexpr std::size_t kRequests = 1500;
  std::vector<std::vector<SimRequest>> plans(kClients);
  for (auto& plan : plans)
    for (std::size_t i = 0; i < kRequests; ++i) plan.push_back(planner.next());
  std::atomic<bool> is_being_killed = false;
  std::vector<std::thread> clients;
  for (auto& plan : plans)
    clients.emplace_back([&] { run_client(victim, chain, plan, is_being_killed); });
  std::this_thread::sleep_for(life);
  is_being_killed = true;
  victim.kill();
  for (std::thread& client : clients) client.join();
  for (auto& plan : plans) {
    for (SimRequest& request : plan) {
      if (request.submit.order == 0) continue;  // it did not come to that
      chain.answered += request.ok ? 1 : 0;
      chain.history.requests.push_back(std::move(request));
    }
  }
}

std::vector<std::byte> read_file(const std::string& path) {
  const auto file = *PosixFile::open(path, {});
  std::vector<std::byte> content(*file->size());
  EXPECT_TRUE(read_exactly(*file, 0, content));
  return content;
}

// What the killed recorder left, once it has been repaired.
void check_what_is_left(Chain& chain, const Setup& setup) {
  MemoryFile log("left", read_file(setup.log));
  const auto repaired = log::repair(log);
  ASSERT_TRUE(repaired) << repaired.error().message;
  const auto verified = log::verify(log, {});
  ASSERT_TRUE(verified) << verified.error().message;
  ASSERT_TRUE(verified->is_whole()) << verified->findings.front().message;
  History& history = chain.history;
  history.entries = *load_entries(log);
  ASSERT_EQ(history.entries.size(), repaired->nr_entries);
  // The recorder's clock is not the clients'.
  for (SimEntry& entry : history.entries) entry.has_ticks = false;
  const Match matched = match(history);
  ASSERT_THAT(matched.violations, testing::IsEmpty());
  ASSERT_THAT(check_order(history, matched), testing::IsEmpty());
  ASSERT_THAT(check_fua(history, matched), testing::IsEmpty());

  // A request that was never answered may be on the disk and not in the log, or partly on the disk.
  auto image = replay(history.entries, std::vector<std::byte>(kDiskSize));
  history.final = read_file(setup.disk);
  for (std::size_t r = 0; r < history.requests.size(); ++r) {
    const SimRequest& request = history.requests[r];
    if (!request.is_unknown || !matched.spans[r].is_empty()) continue;
    const ByteRange outer = {align_down(request.range.begin, 512),
                             align_up(request.range.end, 512)};
    std::copy_n(history.final.begin() + static_cast<std::ptrdiff_t>(outer.begin), outer.size(),
                image.begin() + static_cast<std::ptrdiff_t>(outer.begin));
  }
  const auto [a, b] = std::mismatch(image.begin(), image.end(), history.final.begin());
  ASSERT_TRUE(a == image.end()) << "the disk differs at byte " << a - image.begin();
}

using Start = std::unique_ptr<Victim> (*)(const Setup&, const std::string&);

void kill_again_and_again(Start start, bool is_nbd) {
  const char* wanted = std::getenv("POWERCUT_KILLS");
  const std::uint64_t kills = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20;
  constexpr std::uint64_t kKillsPerLog = 5;
  std::uint64_t answered = 0;
  for (std::uint64_t first = 0; first < kills; first += kKillsPerLog) {
    const std::uint64_t chain_seed = seed() + first;
    Prng prng(chain_seed);
    const test::TemporaryDirectory directory;
    Setup setup = {directory / "disk", directory / "log", false, !prng.one_in(3)};
    {
      const auto disk = *PosixFile::open(
          setup.disk, {.writable = true, .create = OpenOptions::Create::kMustBeNew});
      ASSERT_TRUE(disk->truncate(kDiskSize));
    }
    Chain chain;
    Planner planner(chain_seed, is_nbd);
    for (std::uint64_t round = first; round < std::min(first + kKillsPerLog, kills); ++round) {
      SCOPED_TRACE(fmt::format("kill {}, extensions {}", round, setup.extensions));
      const auto victim = start(setup, directory.path());
      ASSERT_NE(victim, nullptr);
      load(*victim, chain, planner, milliseconds(prng.below(60)));
      ASSERT_NO_FATAL_FAILURE(check_what_is_left(chain, setup));
      setup.append = true;
    }
    answered += chain.answered;
    // Once more, to a proper end.
    const auto last = start(setup, directory.path());
    ASSERT_NE(last, nullptr);
    last->stop();
    const auto verified = log::verify(**PosixFile::open(setup.log, {}), {});
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_TRUE(verified->is_whole()) << verified->findings.front().message;
    // What closes the disk may flush it.
    EXPECT_GE(verified->readable_entries, chain.history.entries.size());
  }
  fmt::print("{} kills, {} requests answered\n", kills, answered);
  // Else nothing was tested.
  EXPECT_GT(answered, 5 * kills);
}

TEST(Kill, OverFuse) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0 || ::geteuid() != 0) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "needs root and /dev/fuse";
    GTEST_SKIP() << "needs root and /dev/fuse";
  }
  kill_again_and_again(FuseVictim::start, false);
}

TEST(Kill, OverNbd) {
  if (!test::have_program("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
  kill_again_and_again(NbdVictim::start, true);
}

}  // namespace
}  // namespace powercut::sim
