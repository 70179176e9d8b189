# What `cmake --install` puts down: library, headers, a CMake package (heddle::heddle) and a pkg-config file.
# tests/package builds a consumer against the result.

if(NOT HEDDLE_INSTALL)
  return()
endif()

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/heddle")

install(TARGETS heddle EXPORT heddleTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT heddleTargets NAMESPACE heddle:: DESTINATION "${package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/heddleConfig.cmake.in" "${PROJECT_BINARY_DIR}/package/heddleConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may break programs, so only the same minor version answers find_package.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/heddleConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/heddleConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/heddleConfigVersion.cmake"
  DESTINATION "${package_dir}")

set(pc_cflags "")
if(HEDDLE_FORCE_SUSPEND)
  set(pc_cflags "-DHEDDLE_FORCE_SUSPEND=1")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/heddle.pc.in" "${PROJECT_BINARY_DIR}/package/heddle.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/heddle.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
