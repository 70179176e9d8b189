# `cpack -G DEB` in a build folder: libheddle-dev, and with BUILD_SHARED_LIBS=ON libheddle<version> beside it.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME heddle)
set(CPACK_PACKAGE_VENDOR heddle)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "heddle maintainers <heddle@localhost>" CACHE STRING "Maintainer: of the Debian packages")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL heddle_development)
set(CPACK_DEBIAN_HEDDLE_DEVELOPMENT_PACKAGE_NAME libheddle-dev)
set(CPACK_COMPONENT_HEDDLE_DEVELOPMENT_DESCRIPTION "Coroutines with asyncio's vocabulary, run in parallel: headers and library.")
# oneTBB: the allocator under the library, and its headers in two of ours. moodycamel's queue is compiled into the
# library and none of our headers names it: libconcurrentqueue-dev is needed to build heddle and not to use it.
set(CPACK_DEBIAN_HEDDLE_DEVELOPMENT_PACKAGE_DEPENDS "libtbb-dev (>= 2021), libc6-dev")

if(BUILD_SHARED_LIBS)
  set(runtime_package "libheddle${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
  list(PREPEND CPACK_COMPONENTS_ALL heddle_runtime)
  set(CPACK_DEBIAN_HEDDLE_RUNTIME_PACKAGE_NAME "${runtime_package}")
  set(CPACK_DEBIAN_HEDDLE_RUNTIME_PACKAGE_SECTION libs)
  set(CPACK_COMPONENT_HEDDLE_RUNTIME_DESCRIPTION "Coroutines with asyncio's vocabulary, run in parallel: shared library.")
  set(CPACK_DEBIAN_HEDDLE_RUNTIME_PACKAGE_SHLIBDEPS ON)   # needs dpkg-dev
  string(APPEND CPACK_DEBIAN_HEDDLE_DEVELOPMENT_PACKAGE_DEPENDS ", ${runtime_package} (= ${PROJECT_VERSION})")
endif()

include(CPack)
