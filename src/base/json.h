// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace powercut {

// JSON that is put together to be written. It is a wall: nlohmann/json.hpp takes seconds to compile
// in every file that includes it, and most files that have to do with JSON only write some. Those
// that read it include the library, in a .cc; tests/layers_test.py has the list.
//
// A plain value: copies are deep, and threads may share one that none of them changes. A member
// function that is called on another kind than it says is a mistake of the caller's (CHECK).
class Json {
 public:
  using Member = std::pair<std::string, Json>;

  // Implicit, so that it can be written down as {{"entry", 7}, {"flags", {{"fua", true}}}}. Braces
  // are an object, always; array() makes a list. Integers are exact.
  Json(std::nullptr_t = nullptr) {}
  Json(std::string text);
  Json(std::string_view text);
  Json(const char* text);
  Json(std::initializer_list<Member> object);
  template <std::integral T>
  Json(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      value_ = value;
    } else if constexpr (std::is_signed_v<T>) {
      value_ = std::int64_t{value};
    } else {
      value_ = std::uint64_t{value};
    }
  }
  template <typename T>
  Json(const std::vector<T>& items) : Json(array()) {
    for (const T& item : items) push_back(item);
  }
  [[nodiscard]] static Json array(std::initializer_list<Json> items = {});

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  // Of an object; null becomes an empty one. A member that is not there yet is added behind the
  // others, as null.
  [[nodiscard]] Json& operator[](std::string_view name);
  // Sets in this object what is in the other one.
  void update(Json object);
  // Of an array.
  void push_back(Json item);

  // On one line, or on several with an indent of 2; without a newline at the end. Bytes that are not
  // UTF-8 are replaced by U+FFFD.
  [[nodiscard]] std::string to_line() const;
  [[nodiscard]] std::string to_text() const;

 private:
  friend struct JsonWriter;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, std::string, Array, Object>
      value_;
};

}  // namespace powercut
