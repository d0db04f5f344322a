// SPDX-License-Identifier: Apache-2.0
// Records two writes and a mark, and reads the log back: what a program that embeds the recorder
// does.
#include <array>
#include <cstdio>

#include "io/posix_file.h"
#include "log/reader.h"
#include "record/open.h"

namespace {

powercut::Status record(const char* log) {
  const auto device = POWERCUT_TRY(powercut::record::open_recording(
      {.file = "memory:1048576", .log = log}, [](const std::string&) {}));
  const std::array<std::byte, 512> data = {};
  POWERCUT_TRY_STATUS(device->write(0, data, powercut::Fua::kNo));
  POWERCUT_TRY_STATUS(device->write(512, data, powercut::Fua::kYes));
  POWERCUT_TRY(device->mark("here"));
  return device->close();
}

powercut::Status show(const char* log) {
  const auto file = POWERCUT_TRY(powercut::PosixFile::open(log, {}));
  auto reader = POWERCUT_TRY(powercut::log::Reader::open(*file));
  while (const auto entry = reader.next()) std::puts(powercut::log::kind_name(*entry));
  return powercut::log::to_status(reader.ending());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const auto step : {record, show}) {
    if (const auto status = step(argv[1]); !status) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return 1;
    }
  }
  return 0;
}
