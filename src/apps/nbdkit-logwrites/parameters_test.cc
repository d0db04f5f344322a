// SPDX-License-Identifier: Apache-2.0
#include "apps/nbdkit-logwrites/parameters.h"

#include <gtest/gtest.h>

namespace powercut::apps {
namespace {

TEST(LogwritesParameters, DefaultsAreTheRecorders) {
  const auto parameters = read_parameters({{"file", "disk.img"}, {"log", "disk.log"}});
  ASSERT_TRUE(parameters) << parameters.error().message;
  const record::RecordingOptions& recording = parameters->recording;
  const record::RecordingOptions defaults;
  EXPECT_EQ(recording.file, "disk.img");
  EXPECT_EQ(recording.log, "disk.log");
  EXPECT_EQ(recording.log_append, defaults.log_append);
  EXPECT_EQ(recording.log_sector_size, defaults.log_sector_size);
  EXPECT_EQ(recording.log_super_update_interval, defaults.log_super_update_interval);
  EXPECT_EQ(recording.log_extensions, defaults.log_extensions);
  EXPECT_EQ(recording.log_direct, defaults.log_direct);
  EXPECT_EQ(recording.overwrite, defaults.overwrite);
  EXPECT_EQ(recording.on_log_error, defaults.on_log_error);
  EXPECT_FALSE(parameters->control);
}

TEST(LogwritesParameters, EachArrives) {
  const auto parameters = read_parameters({{"file", "f"},
                                           {"log", "l"},
                                           {"log-sector-size", "4K"},
                                           {"log-super-update-interval", "7"},
                                           {"log-extensions", "off"},
                                           {"log-direct", "on"},
                                           {"on-log-error", "stop"},
                                           {"overwrite", "on"},
                                           {"control", "s"}});
  ASSERT_TRUE(parameters) << parameters.error().message;
  const record::RecordingOptions& recording = parameters->recording;
  EXPECT_EQ(recording.log_sector_size, 4096u);
  EXPECT_EQ(recording.log_super_update_interval, 7u);
  EXPECT_EQ(recording.log_extensions, false);
  EXPECT_TRUE(recording.log_direct);
  EXPECT_TRUE(recording.overwrite);
  EXPECT_EQ(recording.on_log_error, record::OnLogError::kStop);
  EXPECT_EQ(parameters->control, "s");
}

TEST(LogwritesParameters, MistakesAreNamed) {
  const auto error = [](const flags::Parameters& parameters) {
    const auto result = read_parameters(parameters);
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(error({{"file", "f"}}), "parameter 'log=LOG' is missing");
  EXPECT_EQ(error({{"log", "l"}}), "parameter 'file=FILE' is missing");
  EXPECT_EQ(error({{"file", "f"}, {"log", "l"}, {"log-apend", "on"}}),
            "unknown parameter 'log-apend'; did you mean 'log-append'?");
  EXPECT_EQ(error({{"file", "f"}, {"log", "l"}, {"log-append", "on"}, {"log-sector-size", "512"}}),
            "'log-append' and 'log-sector-size' cannot be given together");
  EXPECT_EQ(error({{"file", "f"}, {"log", "l"}, {"log-super-update-interval", "0"}}),
            "log-super-update-interval 0 is too small: at least 1 is needed");
}

}  // namespace
}  // namespace powercut::apps
