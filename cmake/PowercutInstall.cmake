# SPDX-License-Identifier: Apache-2.0
# Programs, the nbdkit plugins, headers, man pages and a CMake package (find_package(powercut)).
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY POWERCUT_LIBRARIES)
install(TARGETS powercut_options ${libraries} EXPORT powercut ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT powercut NAMESPACE powercut:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/powercut)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/powercut
        FILES_MATCHING PATTERN "*.h" PATTERN "apps" EXCLUDE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/powercutConfig.cmake.in
  ${PROJECT_BINARY_DIR}/powercutConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/powercut)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/powercutConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/powercutConfig.cmake ${PROJECT_BINARY_DIR}/powercutConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/powercut)

install(TARGETS powercut replay-log RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_BINARY_DIR}/share/man/man1/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY ${PROJECT_BINARY_DIR}/share/bash-completion/completions/
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(TARGETS nbdkit-logwrites-plugin nbdkit-powercut-plugin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/nbdkit/plugins)
