// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "block/device.h"
#include "log/writer.h"

namespace powercut::sim {

// A recorder under test.
class Subject {
 public:
  virtual ~Subject() = default;
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  [[nodiscard]] virtual BlockDevice& device() = 0;
  [[nodiscard]] virtual Status mark(std::string_view text) = 0;
  [[nodiscard]] virtual Status close() = 0;
};

// Puts a recorder on a device.
using MakeSubject = std::function<std::unique_ptr<Subject>(std::shared_ptr<BlockDevice> file,
                                                           std::unique_ptr<log::Writer> writer)>;

// The real one.
[[nodiscard]] std::unique_ptr<Subject> make_recording_device(std::shared_ptr<BlockDevice> file,
                                                             std::unique_ptr<log::Writer> writer);

// What a recorder can do wrong.
enum class Flaw {
  kNone,
  kFlushAtCompletion,  // as QEMU's driver: writes that slip in during a flush stand before it
  kForgetsFua,         //
  kNoRangeLock,        // log and device may see overlapping requests in different orders
  kAnswersTooEarly,    // before the entry has its place
  kLogsBeforeDevice,   // an entry has its place before the device has done it
  kRecordsFailures,    // as QEMU's driver
  kDropsAnEntry,       // now and then
};

// A recorder of the simplest kind, for whole sectors only: right if it has no flaw.
[[nodiscard]] MakeSubject make_flawed(Flaw flaw);

}  // namespace powercut::sim
