// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/check.h"

namespace powercut {

using Library = nlohmann::ordered_json;

// Quoting and numbers are the library's.
struct JsonWriter {
  static Library convert(const Json& json) { return std::visit(JsonWriter(), json.value_); }

  Library operator()(const Json::Array& items) const {
    Library::array_t array;
    array.reserve(items.size());
    for (const Json& item : items) array.push_back(convert(item));
    return array;
  }
  Library operator()(const Json::Object& members) const {
    Library::object_t object;
    object.reserve(members.size());
    for (const auto& [name, value] : members) object.emplace_back(name, convert(value));
    return object;
  }
  Library operator()(const auto& scalar) const { return scalar; }

  static std::string dump(const Json& json, int indent) {
    return convert(json).dump(indent, ' ', false, Library::error_handler_t::replace);
  }
};

Json::Json(std::string text) : value_(std::move(text)) {}
Json::Json(std::string_view text) : value_(std::string(text)) {}
Json::Json(const char* text) : value_(std::string(text)) {}
Json::Json(std::initializer_list<Member> object) : value_(Object(object)) {}

Json Json::array(std::initializer_list<Json> items) {
  Json json;
  json.value_ = Array(items);
  return json;
}

Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json& Json::operator[](std::string_view name) {
  if (std::holds_alternative<std::nullptr_t>(value_)) value_ = Object();
  auto* const object = std::get_if<Object>(&value_);
  POWERCUT_CHECK(object != nullptr);
  const auto found = std::ranges::find(*object, name, &Member::first);
  if (found != object->end()) return found->second;
  return object->emplace_back(std::string(name), nullptr).second;
}

void Json::update(Json object) {
  auto* const members = std::get_if<Object>(&object.value_);
  POWERCUT_CHECK(members != nullptr);
  for (auto& [name, value] : *members) (*this)[name] = std::move(value);
}

void Json::push_back(Json item) {
  auto* const array = std::get_if<Array>(&value_);
  POWERCUT_CHECK(array != nullptr);
  array->push_back(std::move(item));
}

std::string Json::to_line() const {
  return JsonWriter::dump(*this, -1);
}

std::string Json::to_text() const {
  return JsonWriter::dump(*this, 2);
}

}  // namespace powercut
