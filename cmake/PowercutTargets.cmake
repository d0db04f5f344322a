# SPDX-License-Identifier: Apache-2.0
# The few functions with which the folders' CMakeLists.txt declare their targets.

add_library(powercut_options INTERFACE)
target_compile_features(powercut_options INTERFACE cxx_std_20)
target_include_directories(powercut_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/powercut>)
target_compile_definitions(powercut_options INTERFACE _FILE_OFFSET_BITS=64)

add_library(powercut_warnings INTERFACE)
target_compile_options(powercut_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wextra-semi -Wmissing-declarations
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wno-missing-field-initializers>
  # g++ 12 sees overlapping copies in std::string's operator+ where there are none (GCC PR105329).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers -Wno-restrict>)

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(POWERCUT_SANITIZE)
  add_compile_options(-fsanitize=${POWERCUT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${POWERCUT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND POWERCUT_SANITIZE MATCHES "thread")
    # g++ 12 warns of what its own sanitizer inserts into the standard library.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# Two ways to spend less time on headers, a third of the time each: what nearly every file includes is parsed once for
# all libraries and once, with GoogleTest, for all tests; and the files of a library are compiled several in one go.
# Files include what they use all the same: CI builds the tsan preset without either, and so holds them to it.
option(POWERCUT_UNITY "Compile several files of a library in one go" ON)
option(POWERCUT_PRECOMPILE "Precompile the headers that nearly every file includes" ON)
set(precompiled_headers
  <algorithm> <chrono> <condition_variable> <cstdint> <functional> <map> <memory> <mutex> <optional> <span> <string>
  <string_view> <thread> <unordered_map> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
# A test's own code is compiled quickly rather than to run fast, and is nothing to libFuzzer.
set(options_powercut_precompiled_test $<IF:$<CXX_COMPILER_ID:Clang>,-O0,-O1>)
set(options_powercut_precompiled)
if(POWERCUT_FUZZ)
  set(options_powercut_precompiled -fsanitize=fuzzer-no-link)
endif()
if(POWERCUT_PRECOMPILE)
  # g++ 12 does not take what was precompiled for a system's header, and sees accesses out of bounds in its own
  # std::string.
  target_compile_options(powercut_warnings INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds>)
  # Programs, as the tests are, are compiled with other options than what goes into a library.
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cc CONTENT "int main() {}\n")
  add_library(powercut_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
  add_executable(powercut_precompiled_test EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/precompiled.cc)
  target_precompile_headers(powercut_precompiled PRIVATE ${precompiled_headers})
  target_precompile_headers(powercut_precompiled_test PRIVATE ${precompiled_headers} <gmock/gmock.h> <gtest/gtest.h>)
  foreach(target powercut_precompiled powercut_precompiled_test)
    target_compile_options(${target} PRIVATE ${options_${target}})
  endforeach()
  target_link_libraries(powercut_precompiled PRIVATE powercut_options powercut_warnings fmt::fmt tl::expected)
  target_link_libraries(powercut_precompiled_test PRIVATE powercut_options powercut_warnings fmt::fmt tl::expected
                        GTest::gmock)
endif()

# powercut_precompile(TARGET FROM): FROM is powercut_precompiled or powercut_precompiled_test; TARGET is compiled with
# the same options.
function(powercut_precompile target from)
  target_compile_options(${target} PRIVATE ${options_${from}})
  if(POWERCUT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

# powercut_compile_library(TARGET): how every library is compiled, also those that only tests use.
function(powercut_compile_library target)
  powercut_precompile(${target} powercut_precompiled)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${POWERCUT_UNITY} UNITY_BUILD_BATCH_SIZE 8)
endfunction()

# powercut_library(NAME [INTERNAL] [SOURCES ...] [LINKS ...] [PRIVATE_LINKS ...] [TESTS ...])
# One library a folder, powercut_NAME (powercut::NAME). TESTS become one program, unit.NAME in ctest.
# INTERNAL: a part of the programs; not installed.
function(powercut_library name)
  cmake_parse_arguments(ARG "INTERNAL" "" "SOURCES;LINKS;PRIVATE_LINKS;TESTS" ${ARGN})
  set(target powercut_${name})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:powercut_warnings>)
    powercut_compile_library(${target})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${target} ${scope} powercut_options ${ARG_LINKS})
  if(ARG_PRIVATE_LINKS)
    target_link_libraries(${target} PRIVATE ${ARG_PRIVATE_LINKS})
  endif()
  add_library(powercut::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  if(NOT ARG_INTERNAL)
    set_property(GLOBAL APPEND PROPERTY POWERCUT_LIBRARIES ${target})
  endif()
  if(ARG_TESTS)
    powercut_test(unit.${name} SOURCES ${ARG_TESTS} LINKS ${target})
  endif()
endfunction()

# Every GoogleTest program: all that a sanitizer's build needs.
add_custom_target(unit_tests)

# powercut_test(NAME SOURCES ... [LINKS ...] [LABELS ...] [TIMEOUT seconds])
# A GoogleTest program that runs as one ctest entry. NAME is unit.* or e2e.*, which is its label, too;
# an e2e test needs servers, mounts or loop devices, and is run apart.
function(powercut_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  string(REPLACE "." "_" target "test_${name}")
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE powercut_warnings powercut_test_support ${ARG_LINKS}
                        GTest::gmock GTest::gtest_main)
  powercut_precompile(${target} powercut_precompiled_test)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(name MATCHES "^e2e[.]")
    set(label e2e)
  else()
    set(label unit)
    add_dependencies(unit_tests ${target})
  endif()
  add_test(NAME ${name} COMMAND ${target})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${label};${ARG_LABELS}")
endfunction()
