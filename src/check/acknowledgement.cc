// SPDX-License-Identifier: Apache-2.0
#include "check/acknowledgement.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace powercut::check {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Acknowledgement::Kind;

constexpr std::size_t kSha256Digits = 64;

// The member that comes first, which holds the file's path, tells what the mark is.
struct Form {
  Kind kind;
  std::string_view key;
};
constexpr Form kForms[] = {
    {Kind::kContent, "file"}, {Kind::kRemoved, "removed"}, {Kind::kChanging, "changing"}};

const Form* form_of(std::string_view mark) {
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& candidate) {
    return mark.starts_with(fmt::format("{{\"{}\":", candidate.key));
  });
  return form == std::end(kForms) ? nullptr : form;
}

bool is_sha256(const std::string& text) {
  return text.size() == kSha256Digits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Of each name in turn whether it leads further down.
bool is_below_root(std::string_view path) {
  if (path.empty() || path.starts_with('/')) return false;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (path.substr(0, end) == "..") return false;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return true;
}

// The member, or what `missing` gives in its place; of another type it is an error of the library.
template <typename T>
T member(const Json& json, const char* name, T missing) {
  const auto found = json.find(name);
  return found == json.end() ? missing : found->get<T>();
}

Acknowledgement from_json(const Json& json, const Form& form) {
  Acknowledgement result;
  result.kind = form.kind;
  result.file = json.at(std::string(form.key)).get<std::string>();
  if (form.kind == Kind::kContent) {
    const Json& size = json.at("size");
    if (!size.is_number_unsigned()) throw std::domain_error("its size is no number of bytes");
    result.content = {size.get<ByteCount>(), json.at("sha256").get<std::string>()};
    if (!is_sha256(result.content.sha256)) throw std::domain_error("its sha256 is none");
  }
  if (form.kind == Kind::kChanging) {
    result.exists = member(json, "exists", true);
    result.is_in_place = member(json, "in_place", false);
  }
  return result;
}

}  // namespace

Result<std::string> mark_text(const Acknowledgement& acknowledgement) {
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& candidate) {
    return candidate.kind == acknowledgement.kind;
  });
  Json json;
  json[std::string(form->key)] = acknowledgement.file;
  if (acknowledgement.kind == Kind::kContent) {
    json["size"] = acknowledgement.content.size_bytes;
    json["sha256"] = acknowledgement.content.sha256;
  }
  if (acknowledgement.kind == Kind::kChanging) {
    json["exists"] = acknowledgement.exists;
    if (acknowledgement.is_in_place) json["in_place"] = true;
  }
  try {
    return json.dump();
  } catch (const nlohmann::json::exception&) {
    return usage_error(fmt::format(
        "'{}': the file's name is not UTF-8, as the JSON of an acknowledgement mark has to be",
        acknowledgement.file));
  }
}

Result<std::optional<Acknowledgement>> parse_acknowledgement(std::string_view mark) {
  const Form* form = form_of(mark);
  if (form == nullptr) return std::optional<Acknowledgement>();
  try {
    Acknowledgement result = from_json(Json::parse(mark), *form);
    if (is_below_root(result.file)) return result;
    return bad_input(fmt::format(
        "mark '{}' names a file that does not lie below the mounted file system; the mark of "
        "such a file is put where $POWERCUT_MNT is set",
        mark));
  } catch (const std::exception& error) {
    return bad_input(fmt::format("mark '{}' is no acknowledgement: {}", mark, error.what()));
  }
}

}  // namespace powercut::check
