// SPDX-License-Identifier: Apache-2.0
#include "block/nbd_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace powercut {
namespace {

// The ABI that libnbd's headers describe; its makers keep it for good.
constexpr const char* kLibrary = "libnbd.so.0";

Unexpected loader_error() {
  const char* message = dlerror();
  return environment_error(fmt::format("libnbd, which NBD URIs need, cannot be loaded ({}); "
                                       "install it, on Debian with: apt-get install libnbd0",
                                       message != nullptr ? message : kLibrary),
                           ELIBACC);
}

Result<NbdLibrary> load() {
  void* handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return loader_error();
  NbdLibrary library;
#define POWERCUT_NBD_LOAD(name)                                                         \
  library.name = reinterpret_cast<decltype(library.name)>(dlsym(handle, "nbd_" #name)); \
  if (library.name == nullptr) return loader_error();
  POWERCUT_NBD_FUNCTIONS(POWERCUT_NBD_LOAD)
#undef POWERCUT_NBD_LOAD
  return library;
}

}  // namespace

Result<const NbdLibrary*> nbd_library() {
  static const Result<NbdLibrary> library = load();
  if (!library) return Unexpected(library.error());
  return &*library;
}

}  // namespace powercut
