// SPDX-License-Identifier: Apache-2.0
#include "explore/nested.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "state/state_list.h"
#include "support/log_builder.h"

namespace powercut::explore {
namespace {

constexpr ByteCount kSector = 512;
constexpr ByteCount kDeviceBytes = 24 * kSector;

// A toy of a data base: a counter, and a journal that says to what it is to be raised, or by how much.
constexpr Sector kCounter = 0;
constexpr Sector kJournal = 8;

unsigned read_number(BlockDevice& device, Sector sector) {
  std::array<std::byte, kSector> buffer{};
  EXPECT_TRUE(device.read(sector * kSector, buffer));
  return std::to_integer<unsigned>(buffer[0]);
}

void write_number(BlockDevice& device, Sector sector, unsigned number) {
  std::array<std::byte, kSector> buffer{};
  buffer[0] = static_cast<std::byte>(number);
  EXPECT_TRUE(device.write(sector * kSector, buffer, Fua::kNo));
}

using Recover = std::function<void(BlockDevice&)>;

// Says that the counter is 5 or 6, if it is.
check::Verdict check_after(const Recover& recover, BlockDevice& device) {
  recover(device);
  const unsigned counter = read_number(device, kCounter);
  if (counter == 0 || counter == 5 || counter == 6) return {};
  return {check::Outcome::kExitStatus, static_cast<int>(counter), "counter", "", ""};
}

// Each write is durable when the next one is made.
void raise_to(BlockDevice& device) {
  const unsigned target = read_number(device, kJournal);
  if (target == 0) return;
  write_number(device, kCounter, target);
  EXPECT_TRUE(device.flush());
  write_number(device, kJournal, 0);
  EXPECT_TRUE(device.flush());
}

// The same, as long as nothing interrupts it.
void raise_by_one(BlockDevice& device) {
  if (read_number(device, kJournal) == 0) return;
  write_number(device, kCounter, read_number(device, kCounter) + 1);
  EXPECT_TRUE(device.flush());
  write_number(device, kJournal, 0);
  EXPECT_TRUE(device.flush());
}

class RecoveryRunner final : public Runner {
 public:
  RecoveryRunner(Recover recover, std::multiset<std::string>& ids)
      : recover_(std::move(recover)), ids_(ids) {}
  Result<std::optional<Run>> run(const state::CrashState&) override {
    return environment_error("of no use here");
  }
  Result<std::optional<Run>> run_on(std::shared_ptr<BlockDevice> device, const std::string& id,
                                    const state::CrashState&) override {
    ids_.insert(id);
    return Run{.verdict = check_after(recover_, *device), .seconds = 1};
  }
  Status close() override { return {}; }

 private:
  const Recover recover_;
  std::multiset<std::string>& ids_;
};

class NestedTest : public testing::Test {
 protected:
  NestedTest() {
    test::LogBuilder log(512, test::test_extension(kDeviceBytes));
    log.write(kCounter, "\5").flush().write(kJournal, "\6").flush();
    timeline_ = *state::Timeline::open(log.file(), {.sidecar_path = ""});
    devices_ = std::make_unique<StateDevices>(*timeline_);
  }
  // On the state in which the journal is there.
  explore::Run run(const Recover& recover, unsigned depth = 1) {
    const auto runner = make_nested_runner(
        *devices_, std::make_unique<RecoveryRunner>(recover, ids_), kSector, {.depth = depth});
    const auto state = timeline_->crash_state(*state::parse_state_id("epoch:4"));
    auto run = runner->run(*state);
    EXPECT_TRUE(run && *run);
    return **std::move(run);
  }

  std::unique_ptr<state::Timeline> timeline_;
  std::unique_ptr<StateDevices> devices_;
  std::multiset<std::string> ids_;  // of all that was checked
};

TEST_F(NestedTest, ARecoveryThatMayBeginAgainPasses) {
  const explore::Run result = run(raise_to, 2);
  EXPECT_TRUE(result.verdict.passed());
  EXPECT_GT(ids_.size(), 4U);
  EXPECT_EQ(result.seconds, static_cast<double>(ids_.size()));
}

TEST_F(NestedTest, ARecoveryThatMayNotBeginAgainIsFound) {
  EXPECT_TRUE(run(raise_by_one, 0).verdict.passed());
  const check::Verdict verdict = run(raise_by_one).verdict;
  EXPECT_EQ(verdict.code, 7);
  EXPECT_EQ(verdict.step, "counter after a cut during recovery");
  EXPECT_THAT(verdict.output, testing::HasSubstr("recovery: epoch:4~exact:"));
  EXPECT_THAT(verdict.step_output, testing::HasSubstr("recovery: epoch:4~exact:"));
}

TEST_F(NestedTest, CutsAreMadeInsideOfCuts) {
  const Recover recover = [](BlockDevice& device) {
    const unsigned journal = read_number(device, kJournal);
    if (journal == 0) return;
    write_number(device, kJournal, journal + 1);  // how often it was begun
    EXPECT_TRUE(device.flush());
    write_number(device, kCounter, journal == 8 ? 9 : 6);
    EXPECT_TRUE(device.flush());
    write_number(device, kJournal, 0);
    EXPECT_TRUE(device.flush());
  };
  EXPECT_TRUE(run(recover, 1).verdict.passed());
  const check::Verdict verdict = run(recover, 2).verdict;
  EXPECT_EQ(verdict.code, 9);
  EXPECT_EQ(verdict.step, "counter after a cut during recovery");
  EXPECT_EQ(std::count(verdict.output.begin(), verdict.output.end(), '~'), 2);
}

TEST_F(NestedTest, NothingIsInsideWhatFailsOrWritesNothing) {
  const Recover broken = [](BlockDevice& device) { write_number(device, kCounter, 1); };
  EXPECT_EQ(run(broken).verdict.step, "counter");
  EXPECT_TRUE(run([](BlockDevice&) {}).verdict.passed());
  EXPECT_EQ(ids_, (std::multiset<std::string>{"epoch:4", "epoch:4"}));
}

// Block 0 has the counter, block 1 the journal; at block 2 only a recovery looks that was cut off.
TEST_F(NestedTest, WhatIsReadInsideIsObserved) {
  EXPECT_EQ(run([](BlockDevice&) {}).observed, (std::vector<std::uint64_t>{0}));
  const Recover recover = [](BlockDevice& device) {
    if (read_number(device, kJournal) != 6) static_cast<void>(read_number(device, kJournal + 8));
    write_number(device, kJournal, 7);
  };
  const explore::Run result = run(recover);
  EXPECT_THAT(result.observed, testing::UnorderedElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace powercut::explore
