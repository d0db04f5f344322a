// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "apps/flags/arguments.h"
#include "apps/flags/documents.h"

namespace powercut::flags {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Command& record() {
  static const Command command = {
      .name = "record",
      .summary = "run a workload on a recorded device",
      .description = {"Long. 'Quoted' text."},
      .positionals = {{.name = "LOG", .help = "The log."},
                      {.name = "DEST", .help = "Where to.", .required = false}},
      .trailing = Trailing{.usage = "COMMAND [ARG...]", .help = "The workload.", .required = false},
      .flags = {
          {.name = "size",
           .short_name = 's',
           .value_name = "SIZE",
           .help = "How large.",
           .kind = Kind::kSize,
           .range = {512, 1 << 30}},
          {.name = "jobs",
           .value_name = "N",
           .help = "How many.",
           .kind = Kind::kInteger,
           .default_value = "2",
           .range = {1, 64}},
          {.name = "verbose",
           .short_name = 'v',
           .help = "Say more.",
           .kind = Kind::kBool,
           .repeated = true},
          {.name = "fs", .value_name = "FS", .help = "File system.", .choices = {"ext4", "xfs"}},
          {.name = "mark", .value_name = "NAME", .help = "A mark.", .repeated = true},
          {.name = "append", .help = "Go on.", .kind = Kind::kBool, .excludes = {"sector-size"}},
          {.name = "sector-size", .value_name = "S", .help = "Sector.", .kind = Kind::kSize},
          {.name = "secret", .help = "Hidden.", .kind = Kind::kBool, .hidden = true}}};
  return command;
}

Result<Arguments> parse_line(const std::string& line, const Command& command = record()) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return parse(command, words);
}

std::string error_of(const std::string& line) {
  const auto result = parse_line(line);
  if (result) return "(no error)";
  EXPECT_EQ(result.error().kind, ErrorKind::kUsage);
  return result.error().message;
}

TEST(Parse, TakesEveryKindOfValue) {
  const auto arguments = parse_line(
      "--size=4K -vv --fs ext4 --mark a --mark=b run.log --append out -- ./work -v --size");
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->integer("size"), 4096U);
  EXPECT_EQ(arguments->integer("jobs"), 2U);
  EXPECT_FALSE(arguments->given("jobs"));
  EXPECT_EQ(arguments->count("verbose"), 2U);
  EXPECT_EQ(arguments->text("fs"), "ext4");
  EXPECT_THAT(arguments->texts("mark"), ElementsAre("a", "b"));
  EXPECT_EQ(arguments->text("LOG"), "run.log");
  EXPECT_EQ(arguments->optional_text("DEST"), "out");
  EXPECT_TRUE(arguments->is_set("append"));
  EXPECT_FALSE(arguments->optional_integer("sector-size"));
  EXPECT_THAT(arguments->trailing(), ElementsAre("./work", "-v", "--size"));
}

TEST(Parse, KeepsWordsAsTheyAre) {
  // Nothing in a value or an argument is taken apart.
  const auto arguments = parse(
      record(), std::vector<std::string>{"--mark", "-x", "--mark", "[a,b]", "--mark=", "--mark",
                                         "{}", "[p,q]", "--", "--", "-"});
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_THAT(arguments->texts("mark"), ElementsAre("-x", "[a,b]", "", "{}"));
  EXPECT_EQ(arguments->text("LOG"), "[p,q]");
  EXPECT_THAT(arguments->trailing(), ElementsAre("--", "-"));
}

TEST(Parse, NamesTheNearestOption) {
  EXPECT_EQ(error_of("log --sise 4"), "unknown option '--sise'; did you mean '--size'?");
  EXPECT_EQ(error_of("log --sector 4"), "unknown option '--sector'; did you mean '--sector-size'?");
  EXPECT_EQ(error_of("log --zzzzzz=4"), "unknown option '--zzzzzz'");
  EXPECT_EQ(error_of("log --secre"), "unknown option '--secre'")
      << "hidden options are not offered";
  EXPECT_THAT(error_of("log -z"), HasSubstr("unknown option '-z'"));
}

TEST(Parse, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(""), "LOG is missing");
  EXPECT_EQ(error_of("a b c"), "unexpected argument 'c'; put '--' in front of COMMAND [ARG...]");
  EXPECT_EQ(error_of("a --size"), "option '--size' wants a value: SIZE");
  EXPECT_EQ(error_of("a -s"), "option '-s' wants a value: SIZE");
  EXPECT_EQ(error_of("a --append=yes"), "option '--append' takes no value");
  EXPECT_EQ(error_of("a --size 1Q"),
            "--size wants a size in bytes such as 512, 64K, 1M or 2G, not '1Q'");
  EXPECT_EQ(error_of("a --size 100"), "--size 100 is too small: at least 512 is needed");
  EXPECT_EQ(error_of("a --size 2G"),
            "--size 2147483648 is too large: at most 1073741824 is possible");
  EXPECT_EQ(error_of("a --jobs x"), "--jobs wants a whole number, not 'x'");
  EXPECT_EQ(error_of("a --jobs -1"), "--jobs wants a whole number, not '-1'");
  EXPECT_EQ(error_of("a --size 1K --size 2K"), "option '--size' is given 2 times");
  EXPECT_EQ(error_of("a --fs fat"), "--fs cannot be 'fat'; it is one of: ext4, xfs");
  EXPECT_EQ(error_of("a --append --sector-size 512"),
            "'--append' and '--sector-size' cannot be given together");
  EXPECT_EQ(error_of("a --"), "nothing follows '--': COMMAND [ARG...] is missing");
}

TEST(ParseSize, KnowsSuffixesAndOverflow) {
  EXPECT_EQ(*parse_size("0", "x"), 0U);
  EXPECT_EQ(*parse_size("64k", "x"), 65536U);
  EXPECT_EQ(*parse_size("1MiB", "x"), 1U << 20);
  EXPECT_EQ(*parse_size("3G", "x"), 3ULL << 30);
  EXPECT_EQ(*parse_size("0x10K", "x"), 16384U);
  for (const char* text :
       {"", "K", "1KB", "1iB", "iB", "-1", "1.5G", "16777216T", "18446744073709551616", " 1", "1 "})
    EXPECT_FALSE(parse_size(text, "x")) << text;
}

Program program() {
  return {.root = {.name = "powercut", .summary = "do things", .description = {"Words."}},
          .version = "9.9",
          .commands = {&record()},
          .exit_statuses = {{"0", "Well."}}};
}

TEST(Help, ShowsTheTableWithinTheWidth) {
  const Program table = program();
  const std::string help = help_text(table, record(), 80);
  EXPECT_THAT(help, HasSubstr("Usage: powercut record [OPTIONS] LOG [DEST] [-- COMMAND [ARG...]]"));
  EXPECT_THAT(help, HasSubstr("  -s, --size SIZE"));
  EXPECT_THAT(help, HasSubstr("How many. Default: 2."));
  EXPECT_THAT(help, HasSubstr("One of: ext4, xfs."));
  EXPECT_THAT(help, Not(HasSubstr("secret")));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(help_text(table, 80), HasSubstr("record  run a workload on a recorded device"));
}

TEST(Man, EscapesForTroff) {
  const std::string page = man_page(program(), record());
  EXPECT_THAT(page, HasSubstr(".TH POWERCUT\\-RECORD 1"));
  EXPECT_THAT(page, HasSubstr("\\(aqQuoted\\(aq text."));
  EXPECT_THAT(page, HasSubstr("\\fB\\-s, \\-\\-size SIZE\\fR"));
  EXPECT_THAT(page, Not(HasSubstr("secret")));
}

TEST(Completion, OffersCommandsOptionsAndChoices) {
  const std::string script = bash_completion(program());
  EXPECT_THAT(script, HasSubstr("complete -o filenames -F _powercut powercut"));
  EXPECT_THAT(script, HasSubstr("--fs) COMPREPLY=($(compgen -W 'ext4 xfs'"));
  EXPECT_THAT(script, Not(HasSubstr("secret")));
}

TEST(Parameters, AreShownAsNbdkitDoes) {
  const std::string text = parameters_text(record());
  EXPECT_THAT(text, HasSubstr("size=SIZE                     How large."));
}

std::string parameter_error(const Parameters& parameters) {
  const auto result = parse_parameters(record(), parameters);
  return result ? "(no error)" : result.error().message;
}

TEST(Parameters, AreReadAsNbdkitGivesThem) {
  const auto arguments = parse_parameters(
      record(), {{"size", "1M"}, {"append", "on"}, {"fs", "xfs"}, {"mark", "a=b"}});
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->integer("size"), 1u << 20);
  EXPECT_TRUE(arguments->is_set("append"));
  EXPECT_EQ(arguments->text("fs"), "xfs");
  EXPECT_EQ(arguments->text("mark"), "a=b");
  EXPECT_EQ(arguments->integer("jobs"), 2u);

  const auto off = parse_parameters(record(), {{"append", "false"}, {"sector-size", "512"}});
  ASSERT_TRUE(off) << off.error().message;
  EXPECT_TRUE(off->given("append"));
  EXPECT_FALSE(off->is_set("append"));
}

TEST(Parameters, ErrorsSpeakOfParameters) {
  EXPECT_EQ(parameter_error({{"sise", "1"}}), "unknown parameter 'sise'; did you mean 'size'?");
  EXPECT_EQ(parameter_error({{"append", "maybe"}}), "append is on or off, not 'maybe'");
  EXPECT_EQ(parameter_error({{"size", "1"}, {"size", "2"}}), "parameter 'size' is given 2 times");
  EXPECT_EQ(parameter_error({{"append", "yes"}, {"sector-size", "512"}}),
            "'append' and 'sector-size' cannot be given together");
  EXPECT_THAT(parameter_error({{"fs", "fat"}}), HasSubstr("fs cannot be 'fat'"));
}

}  // namespace
}  // namespace powercut::flags
