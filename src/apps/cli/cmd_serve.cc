// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/recording_options.h"
#include "apps/cli/timeline_options.h"
#include "apps/nbdkit/server.h"
#include "apps/recording/runtime_directory.h"
#include "apps/recording/signals.h"
#include "block/nbd_device.h"

namespace powercut::apps {
namespace {

using flags::Arguments;
using flags::Kind;

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error);
  return error ? path : result.string();
}

// "10809", "0.0.0.0:10809", "[::]:10809"
Result<NbdkitServer::Port> parse_port(const std::string& text) {
  NbdkitServer::Port port{"127.0.0.1", 0};
  const auto colon = text.rfind(':');
  std::string_view number = text;
  if (colon != std::string::npos) {
    number.remove_prefix(colon + 1);
    port.address = text.substr(0, colon);
    if (port.address.starts_with('[') && port.address.ends_with(']'))
      port.address = port.address.substr(1, port.address.size() - 2);
  }
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), port.number);
  if (error != std::errc() || end != number.data() + number.size() || port.number == 0 ||
      port.address.empty()) {
    return usage_error(fmt::format(
        "--tcp wants a port, or ADDRESS:PORT, as 10809 or 0.0.0.0:10809; not '{}'", text));
  }
  return port;
}

std::vector<std::string> plugin_parameters(const Arguments& arguments) {
  std::vector<std::string> words{"log=" + absolute(arguments.text("LOG"))};
  if (const auto base = arguments.optional_text("base"))
    words.push_back("base=" + (NbdDevice::is_uri(*base) ? *base : absolute(*base)));
  if (const auto size = arguments.optional_integer("size"))
    words.push_back(fmt::format("size={}", *size));
  if (const auto index = arguments.optional_text("index"))
    words.push_back("index=" + (*index == "none" ? *index : absolute(*index)));
  return words;
}

// The URI of an instant, for people to copy.
std::string uri_of(const NbdkitServer::Options& options, std::string_view instant) {
  if (!options.port) return fmt::format("nbd+unix:///{}?socket={}", instant, options.socket);
  const bool is_ipv6 = options.port->address.find(':') != std::string::npos;
  const std::string host =
      is_ipv6 ? fmt::format("[{}]", options.port->address) : options.port->address;
  return fmt::format("nbd://{}:{}/{}", host, options.port->number, instant);
}

Result<int> run_serve(const Arguments& arguments) {
  NbdkitServer::Options options;
  options.plugin = "powercut";
  options.read_only = arguments.is_set("read-only");
  options.parameters = plugin_parameters(arguments);
  if (const auto tcp = arguments.optional_text("tcp")) {
    options.port = POWERCUT_TRY(parse_port(*tcp));
  } else if (const auto socket = arguments.optional_text("nbd")) {
    options.socket = absolute(*socket);
  } else {
    return usage_error("where to serve? Give --nbd SOCKET or --tcp PORT");
  }
  // What is wrong with the log is said here, and the index is made, before nbdkit opens both again.
  const EntryIndex nr_entries =
      POWERCUT_TRY(open_timeline(arguments, Notices::kOff))->index().nr_entries();

  Signals signals = POWERCUT_TRY(Signals::block());
  const auto runtime = POWERCUT_TRY(RuntimeDirectory::make(print_notice));
  if (!options.port) POWERCUT_TRY_STATUS(runtime->write_down({.sockets = {options.socket}}));
  options.pid_file = *runtime / "nbdkit.pid";
  auto server = POWERCUT_TRY(NbdkitServer::start(options, signals.fd()));
  if (server) {
    print_notice(
        fmt::format("serving {} instants of '{}' at {}; another instead of 'end': "
                    "entry:N, flush:K, mark:NAME; SIGINT or SIGTERM ends it",
                    nr_entries + 1, arguments.text("LOG"), uri_of(options, "end")));
    POWERCUT_TRY_STATUS(server->wait(signals.fd()));
  }
  (void)signals.take();
  if (server) POWERCUT_TRY_STATUS(server->stop());
  return 0;
}

std::vector<flags::Flag> serve_flags() {
  std::vector<flags::Flag> all = {
      {.name = "nbd",
       .value_name = "SOCKET",
       .help = "Listen on a Unix socket, made here.",
       .excludes = {"tcp"}},
      {.name = "tcp",
       .value_name = "[ADDRESS:]PORT",
       .help =
           "Listen on a TCP port: of this machine alone unless an ADDRESS is given. Whoever can "
           "reach it can read the disk.",
       .excludes = {"nbd"}},
      {.name = "read-only",
       .help = "Take no writes; several connections may then share an export (multi-conn).",
       .kind = Kind::kBool}};
  const auto shared = timeline_flags();
  all.insert(all.end(), shared.begin(), shared.end());
  return all;
}

}  // namespace

const flags::Command& serve_command() {
  static const flags::Command command = {
      .name = "serve",
      .summary = "serve any instant of a log over NBD",
      .description =
          {"Serves the device as it was at any instant of LOG, by nbdkit(1), until SIGINT or "
           "SIGTERM "
           "comes. The name of the export is the instant; clients that ask are given the marks, "
           "start and end. A log that is still being written is served as far as it has come.",
           "Each client has the disk to itself: what it writes is laid over the instant, in a "
           "temporary file, and gone when it disconnects."},
      .positionals = {{.name = "LOG", .help = "A log: a file or block device."}},
      .flags = serve_flags(),
      .examples =
          {{"Serve a log, and see which instants have a name.",
            "powercut serve run.log --nbd /tmp/log.sock &\n"
            "nbdinfo --list 'nbd+unix:///?socket=/tmp/log.sock'"},
           {"Boot a virtual machine from the disk as it was at a mark.",
            "qemu-system-x86_64 -m 1G -drive \\\n"
            "    'file=nbd+unix:///mark:before-upgrade?socket=/tmp/log.sock,format=raw,if=virtio'"},
           {"Copy the disk as it was behind the third flush.",
            "nbdcopy 'nbd+unix:///flush:3?socket=/tmp/log.sock' third.img"}},
      .see_also = {"powercut-mount(1)", "powercut-replay(1)", "nbdkit-powercut-plugin(1)",
                   "nbdkit(1)"},
      .run = run_serve,
  };
  return command;
}

}  // namespace powercut::apps
