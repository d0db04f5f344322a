// SPDX-License-Identifier: Apache-2.0
// The explorer over small logs, with checkers that are functions: FUSE is real, programs are few.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/mutex.h"
#include "check/disk_folder.h"
#include "explore/explorer.h"
#include "explore/keep.h"
#include "explore/mark_table.h"
#include "explore/marks_file.h"
#include "explore/pruning_judge.h"
#include "support/function_checker.h"
#include "support/log_builder.h"
#include "support/temporary_directory.h"

namespace powercut::explore {
namespace {

using test::FunctionChecker;
using test::LogBuilder;
using test::variable;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ByteCount kSector = 512;
constexpr ByteCount kDeviceBytes = 40 * kSector;  // more than a block of the overlay

std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  const std::string content = text.str();
  std::vector<std::byte> bytes(content.size());
  std::transform(content.begin(), content.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

std::string read_text(const std::string& path) {
  std::string text;
  for (const std::byte byte : read_file(path)) text += static_cast<char>(byte);
  return text;
}

check::Verdict passed() {
  return {};
}
check::Verdict failed(int status) {
  return {check::Outcome::kExitStatus, status, "the checker", "fine\nsome output\n",
          "some output\n"};
}

class CollectingListener final : public Listener {
 public:
  void on_result(const findings::StateResult& result, const state::CrashState&,
                 const Progress&) override {
    results_.push_back(result);
  }
  [[nodiscard]] std::vector<findings::StateResult> sorted() const {
    auto results = results_;
    std::sort(results.begin(), results.end(),
              [](const auto& a, const auto& b) { return a.entries < b.entries; });
    return results;
  }
  [[nodiscard]] std::vector<EntryIndex> failures() const {
    std::vector<EntryIndex> entries;
    for (const auto& result : sorted()) {
      if (!result.passed()) entries.push_back(result.entries);
    }
    return entries;
  }

 private:
  std::vector<findings::StateResult> results_;
};

class ExploreTest : public testing::Test {
 protected:
  ExploreTest() : interrupt_(std::move(*check::Interrupt::make())) {}
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no /dev/fuse";
    GTEST_SKIP() << "no /dev/fuse";
  }

  // 24 entries with marks, flushes and overlapping writes.
  static LogBuilder example() {
    LogBuilder log(512, test::test_extension(kDeviceBytes));
    for (int i = 0; i < 6; ++i) {
      log.write(static_cast<Sector>(i * 5), std::string(8, static_cast<char>('a' + i)));
      log.discard(static_cast<Sector>(i * 3), 2);
      log.flush();
      log.mark("round " + std::to_string(i));
    }
    return log;
  }

  // All states of model prefix, also those that are alike: the checkers of these tests tell them by
  // their names.
  Plan plan_for(const LogBuilder& log, Request request) {
    request.log = directory_ / "test.log";
    request.sidecar = "";
    request.model = state::Model::kPrefix;
    request.gives_equals = true;
    log.write_to(request.log);
    auto plan = make_plan(request);
    EXPECT_TRUE(plan) << plan.error().message;
    return *std::move(plan);
  }

  Result<findings::Summary> run(const Plan& plan, FunctionChecker::Function function) {
    FunctionChecker checker(std::move(function));
    const auto judge = POWERCUT_TRY(PruningJudge::make(*plan.timeline, checker,
                                                       {.jobs = options_.jobs,
                                                        .prune = false,
                                                        .acknowledgements = plan.acknowledgements,
                                                        .interrupt = &interrupt_}));
    auto summary = explore(plan, judge->marks(), *judge, options_, listener_, interrupt_);
    POWERCUT_TRY_STATUS(judge->close());
    return summary;
  }

  test::TemporaryDirectory directory_;
  ExploreOptions options_;
  CollectingListener listener_;
  check::Interrupt interrupt_;
};

TEST_F(ExploreTest, EachStateIsGivenOnceAsItWas) {
  for (const unsigned jobs : {1U, 3U}) {
    options_.jobs = jobs;
    listener_ = {};
    const LogBuilder log = example();
    Mutex mutex;
    std::multiset<EntryIndex> seen;
    const auto summary = run(plan_for(log, {.at = {"all"}}), [&](const check::Offer& offer) {
      const EntryIndex entries = std::stoull(variable(offer, "POWERCUT_ENTRY"));
      EXPECT_EQ(read_file(offer.disk_path), log.image_after(entries, kDeviceBytes))
          << "state " << entries;
      const MutexLock lock(mutex);
      seen.insert(entries);
      return std::optional(passed());
    });
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->checked, 25U);
    EXPECT_EQ(summary->passed, 25U);
    EXPECT_TRUE(summary->succeeded());
    EXPECT_EQ(seen.size(), 25U);
    EXPECT_EQ(std::set<EntryIndex>(seen.begin(), seen.end()).size(), 25U);
  }
}

// What a checker writes is gone for the next one, whatever it writes.
TEST_F(ExploreTest, StatesAreIndependent) {
  const LogBuilder log = example();
  const auto summary = run(plan_for(log, {.at = {"all"}}), [&](const check::Offer& offer) {
    const EntryIndex entries = std::stoull(variable(offer, "POWERCUT_ENTRY"));
    EXPECT_EQ(read_file(offer.disk_path), log.image_after(entries, kDeviceBytes))
        << "state " << entries;
    const std::string noise(kDeviceBytes, 'X');
    const UniqueFd fd(::open(offer.disk_path.c_str(), O_RDWR));
    EXPECT_EQ(::pwrite(fd.get(), noise.data(), noise.size(), 0),
              static_cast<ssize_t>(noise.size()));
    std::ofstream(variable(offer, "POWERCUT_MARKS")) << "nonsense";
    return std::optional(passed());
  });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(summary->succeeded());
}

TEST_F(ExploreTest, AnInitialContentIsKeptAsItIs) {
  const std::string base = directory_ / "base";
  std::vector<std::byte> initial(kDeviceBytes, std::byte{'i'});
  std::ofstream(base) << std::string(kDeviceBytes, 'i');
  const LogBuilder log = example();
  const auto summary =
      run(plan_for(log, {.at = {"all"}, .base = base}), [&](const check::Offer& offer) {
        const EntryIndex entries = std::stoull(variable(offer, "POWERCUT_ENTRY"));
        EXPECT_EQ(read_file(offer.disk_path), log.image_after(entries, initial))
            << "state " << entries;
        return std::optional(passed());
      });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(summary->succeeded());
  EXPECT_EQ(read_file(base), initial);
}

TEST_F(ExploreTest, TheCheckerIsToldWhatHadBeenAcknowledged) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.write(0, "A").mark("one").write(1, "B").mark("two \"quoted\"\xff").flush();
  Mutex mutex;
  std::map<EntryIndex, std::string> told;
  const auto summary = run(plan_for(log, {.at = {"all"}}), [&](const check::Offer& offer) {
    const std::string text = variable(offer, "POWERCUT_STATE") + " [" +
                             variable(offer, "POWERCUT_MARK") + "] " +
                             read_text(variable(offer, "POWERCUT_MARKS"));
    const MutexLock lock(mutex);
    told[std::stoull(variable(offer, "POWERCUT_ENTRY"))] = text;
    return std::optional(passed());
  });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(told[0], "entry:0 [] ");
  EXPECT_EQ(told[1], "entry:1 [] ");
  EXPECT_EQ(told[2], "entry:2 [one] {\"entry\":1,\"mark\":\"one\"}\n");
  EXPECT_EQ(told[3], "entry:3 [one] {\"entry\":1,\"mark\":\"one\"}\n");
  EXPECT_EQ(told[5],
            "entry:5 [two \"quoted\"\xff] {\"entry\":1,\"mark\":\"one\"}\n"
            "{\"entry\":3,\"mark\":\"two \\\"quoted\\\"\xef\xbf\xbd\"}\n");
}

// The canary: what must be found is found, at the state where it is, and nowhere else.
TEST_F(ExploreTest, TheCheckerIsGivenTheAcknowledgementsInFrontOfTheCut) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.mark("other").mark(R"({"removed":"a"})").write(0, "x").mark(R"({"removed":"b"})");
  Request request;
  request.at = {"all"};
  request.wants_acknowledgements = true;
  const Plan plan = plan_for(log, request);
  std::atomic<std::uint64_t> files = 0;
  ASSERT_TRUE(run(plan, [&](const check::Offer& offer) {
    EXPECT_LE(offer.marks_in_front, std::stoull(variable(offer, "POWERCUT_ENTRY")));
    files += offer.acknowledgements->allowed(offer.marks_in_front, offer.marks_reached).size();
    return passed();
  }));
  EXPECT_EQ(files, 1U + 1U + 2U);
}

TEST_F(ExploreTest, FailuresAreFoundWhereTheyAre) {
  for (const unsigned jobs : {1U, 3U}) {
    options_.jobs = jobs;
    options_.reproduce = {"powercut", "explore", "my log", "--check", "false"};
    listener_ = {};
    const auto summary = run(plan_for(example(), {.at = {"all"}}), [&](const check::Offer& offer) {
      const EntryIndex entries = std::stoull(variable(offer, "POWERCUT_ENTRY"));
      return std::optional(entries == 7 || entries == 24 ? failed(3) : passed());
    });
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->failed, 2U);
    EXPECT_EQ(summary->passed, 23U);
    EXPECT_FALSE(summary->succeeded());
    EXPECT_EQ(summary->first_failure, "entry:7");
    EXPECT_THAT(listener_.failures(), ElementsAre(7, 24));
    const auto failure = listener_.sorted()[7];
    EXPECT_EQ(failure.state, "entry:7");
    EXPECT_EQ(failure.outcome, findings::Outcome::kExitStatus);
    EXPECT_EQ(failure.code, 3);
    EXPECT_EQ(failure.mark, "round 0");
    EXPECT_EQ(failure.output, "some output\n");
    EXPECT_EQ(failure.reproduce,
              "powercut explore 'my log' --check false --model prefix --at entry:7");
  }
}

TEST_F(ExploreTest, AFailingStateIsKeptAsItWasBeforeTheCheck) {
  options_.keep_directory = directory_ / "kept";
  std::filesystem::create_directory(options_.keep_directory);
  const LogBuilder log = example();
  const auto summary = run(plan_for(log, {.at = {"flush"}}), [&](const check::Offer& offer) {
    const UniqueFd fd(::open(offer.disk_path.c_str(), O_RDWR));
    EXPECT_EQ(::pwrite(fd.get(), "XX", 2, 0), 2);
    return std::optional(variable(offer, "POWERCUT_ENTRY") == "11" ? failed(3) : passed());
  });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_THAT(listener_.failures(), ElementsAre(11));
  const auto results = listener_.sorted();
  EXPECT_EQ(results[2].kept_image, options_.keep_directory + "/entry-11.img");
  EXPECT_EQ(read_file(results[2].kept_image), log.image_after(11, kDeviceBytes));
  EXPECT_EQ(read_text(results[2].kept_output), "fine\nsome output\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(options_.keep_directory), {}), 2);
}

TEST_F(ExploreTest, NoStateIsNoSuccess) {
  const auto summary = run(plan_for(example(), {.at = {"fua"}}),
                           [](const check::Offer&) { return std::optional(passed()); });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->checked, 0U);
  EXPECT_FALSE(summary->succeeded());
}

TEST_F(ExploreTest, StopsAtTheLimitOfFailures) {
  options_.max_failures = 2;
  const auto summary = run(plan_for(example(), {.at = {"all"}}),
                           [](const check::Offer&) { return std::optional(failed(1)); });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->failed, 2U);
  EXPECT_EQ(summary->stopped_at_limit, "--max-failures");
}

TEST_F(ExploreTest, AnInterruptEndsItAndSaysSo) {
  std::atomic<int> calls = 0;
  const auto summary = run(plan_for(example(), {.at = {"all"}}), [&](const check::Offer&) {
    if (++calls == 3) interrupt_.raise();
    return calls == 3 ? std::nullopt : std::optional(passed());
  });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->checked, 2U);
  EXPECT_TRUE(summary->interrupted);
  EXPECT_FALSE(summary->succeeded());
}

TEST_F(ExploreTest, AnErrorNamesTheStateAndEndsAllWorkers) {
  options_.jobs = 3;
  const auto summary = run(plan_for(example(), {.at = {"all"}}),
                           [](const check::Offer& offer) -> Result<std::optional<check::Verdict>> {
                             if (variable(offer, "POWERCUT_ENTRY") == "5")
                               return environment_error("no more loop devices");
                             return std::optional(passed());
                           });
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().message, "state entry:5: no more loop devices");
}

TEST_F(ExploreTest, ACheckerThatCannotBeRunIsAnErrorAtTheFirstStateOnly) {
  for (const EntryIndex at : {0, 4}) {
    listener_ = {};
    const auto summary = run(plan_for(example(), {.at = {"all"}}), [&](const check::Offer& offer) {
      check::Verdict verdict =
          std::stoull(variable(offer, "POWERCUT_ENTRY")) == at ? failed(127) : passed();
      verdict.was_not_run = !verdict.passed();
      return std::optional(verdict);
    });
    if (at == 0) {
      ASSERT_FALSE(summary);
      EXPECT_EQ(summary.error().kind, ErrorKind::kUsage);
      EXPECT_THAT(summary.error().message, HasSubstr("could not be run"));
      interrupt_ = std::move(*check::Interrupt::make());
    } else {
      ASSERT_TRUE(summary) << summary.error().message;
      EXPECT_THAT(listener_.failures(), ElementsAre(4));
    }
  }
}

TEST_F(ExploreTest, NothingIsLeftBehind) {
  const auto temporary_directories = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      names.insert(entry.path());
    return names;
  };
  ::setenv("TMPDIR", directory_.path().c_str(), 1);
  const Plan plan = plan_for(example(), {.at = {"all"}});
  const auto before = temporary_directories();
  const auto summary = run(plan, [](const check::Offer&) { return std::optional(passed()); });
  const auto bad = run(plan, [](const check::Offer&) -> Result<std::optional<check::Verdict>> {
    return environment_error("x");
  });
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(summary);
  EXPECT_FALSE(bad);
  EXPECT_EQ(temporary_directories(), before);
}

TEST_F(ExploreTest, PlanStartsWhereThereIsAFileSystem) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.write(0, "A").flush().mark("mkfs").flush().mark("mounted").write(1, "B").flush();
  const Plan plan = plan_for(log, {.at = {"flush"}, .is_of_file_system = true});
  EXPECT_EQ(plan.facts.from, 3U);
  EXPECT_EQ(plan.facts.from_reason, "mark mkfs");
  EXPECT_EQ(plan.facts.cuts, 2U);
  EXPECT_EQ(plan_for(log, {.at = {"flush"}}).facts.cuts, 3U);
  EXPECT_EQ(plan_for(log, {.at = {"flush"}, .from = "start", .is_of_file_system = true}).facts.cuts,
            3U);
  EXPECT_EQ(plan_for(log, {.at = {"flush"}, .from = "mark:mounted", .is_of_file_system = true})
                .facts.cuts,
            1U);
  EXPECT_EQ(plan_for(log, {.at = {"flush"}, .to = "mark:mounted"}).facts.cuts, 2U);
  EXPECT_EQ(plan_for(log, {.at = {"entry:1"}, .is_of_file_system = true}).facts.cuts, 1U);
}

TEST_F(ExploreTest, PlanSaysWhatIsWrong) {
  LogBuilder log;
  log.write(0, "A").flush();
  const std::string path = directory_ / "plain.log";
  log.write_to(path);
  const auto no_mark = make_plan({.log = path, .at = {"flush"}, .is_of_file_system = true});
  ASSERT_FALSE(no_mark);
  EXPECT_EQ(no_mark.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(no_mark.error().message, HasSubstr("--from"));
  EXPECT_TRUE(make_plan({.log = path, .at = {"entry:1"}, .is_of_file_system = true}));

  EXPECT_FALSE(make_plan({.log = path, .at = {"entry:3"}}));
  EXPECT_FALSE(make_plan({.log = path, .at = {"mark:none"}}));
  EXPECT_FALSE(make_plan({.log = path + "x", .at = {"flush"}}));
  EXPECT_FALSE(make_plan({.log = path, .at = {"flush"}, .size_bytes = 100}));

  const auto plain = make_plan({.log = path, .at = {"flush"}});
  ASSERT_TRUE(plain);
  EXPECT_THAT(plain->facts.notes, ElementsAre(HasSubstr("--size")));
  EXPECT_THAT(make_plan({.log = path, .at = {"flush"}, .size_bytes = 1024})->facts.notes,
              IsEmpty());

  log::SuperBlockExtension extension = test::test_extension(kSector);
  extension.initial_content = log::InitialContent::kImage;
  LogBuilder over(512, extension);
  over.write(0, "A").flush();
  over.write_to(path);
  const auto no_base = make_plan({.log = path, .at = {"flush"}});
  ASSERT_FALSE(no_base);
  EXPECT_THAT(no_base.error().message, HasSubstr("--base"));
}

TEST_F(ExploreTest, PlanSaysWhatIsWrongWithAcknowledgements) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.mark("mkfs").write(0, "x");
  Request request;
  request.at = {"all"};
  request.log = directory_ / "test.log";
  request.wants_acknowledgements = true;
  log.write_to(request.log);
  EXPECT_THAT(make_plan(request).error().message, HasSubstr("no acknowledgement mark"));
  log.mark(R"({"removed":"/etc/passwd"})");
  log.write_to(request.log);
  EXPECT_THAT(make_plan(request).error().message,
              testing::AllOf(HasSubstr("entry 2"), HasSubstr("/etc/passwd")));
}

TEST_F(ExploreTest, ATornTailIsNotedAndTheRestExplored) {
  LogBuilder log(512, test::test_extension(kDeviceBytes));
  log.write(0, "A").flush().write(1, "BBBB");
  const std::string path = directory_ / "torn.log";
  log.write_to(path);
  std::filesystem::resize_file(path, log.end_offset() - 700);
  const auto plan = make_plan({.log = path, .at = {"all"}, .model = state::Model::kPrefix});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->facts.cuts, 3U);
  EXPECT_THAT(plan->facts.notes, ElementsAre(HasSubstr("torn.log")));
  const auto summary = run(*plan, [](const check::Offer&) { return std::optional(passed()); });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(summary->succeeded());
}

TEST(MarksFileTest, GrowsAndShrinksAndIsRepaired) {
  const test::TemporaryDirectory directory;
  auto file = MarksFile::make(directory / "marks");
  ASSERT_TRUE(file);
  EXPECT_EQ(read_text(file->path()), "");
  const std::string first = mark_line(3, "a");
  EXPECT_EQ(first, "{\"entry\":3,\"mark\":\"a\"}\n");
  ASSERT_TRUE(file->update(first));
  EXPECT_EQ(read_text(file->path()), first);
  const std::string lines = first + mark_line(5, "b");
  ASSERT_TRUE(file->update(lines));
  EXPECT_EQ(read_text(file->path()), lines);
  ASSERT_TRUE(file->update(lines));
  EXPECT_EQ(read_text(file->path()), lines);
  std::ofstream(file->path()) << "x";
  ASSERT_TRUE(file->update(lines));
  EXPECT_EQ(read_text(file->path()), lines);
  std::filesystem::remove(file->path());
  std::filesystem::create_symlink(directory / "elsewhere", file->path());
  ASSERT_TRUE(file->update(lines));
  EXPECT_EQ(read_text(file->path()), lines);
  EXPECT_FALSE(std::filesystem::exists(directory / "elsewhere"));
  ASSERT_TRUE(file->update(first));
  EXPECT_EQ(read_text(file->path()), first);
}

TEST(FileNameOf, IsPlain) {
  EXPECT_EQ(file_name_of("entry:412"), "entry-412");
  EXPECT_EQ(file_name_of("a/../b c"), "a-..-b-c");
}

}  // namespace
}  // namespace powercut::explore
