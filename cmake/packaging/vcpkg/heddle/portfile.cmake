# An overlay port of the tree it stands in. vcpkg does not notice changes outside of this folder: after one, say
# `vcpkg remove heddle` first, or --no-binarycaching.

get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DHEDDLE_BUILD_TESTS=OFF
    -DHEDDLE_BUILD_STRESS=OFF
    -DHEDDLE_BUILD_BENCH=OFF
    -DHEDDLE_BUILD_EXAMPLES=OFF
    -DHEDDLE_WERROR=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/heddle)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share"
  "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
