// SPDX-License-Identifier: Apache-2.0
#include "sim/client.h"

namespace powercut::sim {

Status carry_out(Subject& subject, SimRequest& request) {
  BlockDevice& device = subject.device();
  const Fua fua = request.fua ? Fua::kYes : Fua::kNo;
  switch (request.kind) {
    case Kind::kRead:
      request.data.resize(request.range.size());
      return device.read(request.range.begin, request.data);
    case Kind::kWrite:
      return device.write(request.range.begin, request.data, fua);
    case Kind::kZeroes:
      return device.write_zeroes(request.range, request.unmap ? Unmap::kYes : Unmap::kNo, fua);
    case Kind::kDiscard:
      return device.discard(request.range, fua);
    case Kind::kFlush:
      return device.flush();
    case Kind::kMark:
      return subject.mark(request.mark);
  }
  return {};
}

}  // namespace powercut::sim
