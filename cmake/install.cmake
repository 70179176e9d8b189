# What `cmake --install` puts down: library, headers, a CMake package (heddle::heddle) and a pkg-config file; and `cpack`,
# which makes a Debian package of them. tests/package builds consumers against the result.

if(NOT HEDDLE_INSTALL)
  return()
endif()

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/heddle")

# Two components: what programs need to run (only a shared library has that), and what one needs to build them.
install(TARGETS heddle EXPORT heddleTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT heddle_development
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT heddle_runtime NAMELINK_COMPONENT heddle_development
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT heddle_runtime
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT heddle_development)
install(EXPORT heddleTargets NAMESPACE heddle:: DESTINATION "${package_dir}" COMPONENT heddle_development)

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/heddleConfig.cmake.in" "${PROJECT_BINARY_DIR}/package/heddleConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may break programs, so only the same minor version answers find_package.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/heddleConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/heddleConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/heddleConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/gcc12.cmake"
  DESTINATION "${package_dir}" COMPONENT heddle_development)

# The pkg-config file finds its prefix from its own place, so that it is right wherever `--prefix` or a package puts it.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(pc_libdir "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
  file(RELATIVE_PATH pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
  set(pc_prefix "\${pcfiledir}/${pc_up}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(pc_cflags "")
if(HEDDLE_FORCE_SUSPEND)
  set(pc_cflags "-DHEDDLE_FORCE_SUSPEND=1")
endif()
# Programs that link the static library need the allocator under it as well; a shared one brings it along.
set(pc_libs "-ltbbmalloc")
set(pc_libs_private "")
if(BUILD_SHARED_LIBS)
  set(pc_libs "")
  set(pc_libs_private "-ltbbmalloc")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/heddle.pc.in" "${PROJECT_BINARY_DIR}/package/heddle.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/heddle.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT heddle_development)

install(FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT heddle_development)

if(PROJECT_IS_TOP_LEVEL)
  include(packaging/debian)
endif()
