// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "serve/fuse_catalogue.h"
#include "state/timeline.h"

namespace powercut::apps {

// Every instant of a log as a file: marks/NAME (mark_names.h), flushes/K, entries/N, states/ID, and
// info.json. What has been recorded meanwhile appears when a folder is listed, or a name is asked for
// that is not there yet. `notice` is told, once, why nothing new can appear.
[[nodiscard]] serve::Catalogue instant_catalogue(std::shared_ptr<state::Timeline> timeline,
                                                 std::function<void(const std::string&)> notice);

}  // namespace powercut::apps
