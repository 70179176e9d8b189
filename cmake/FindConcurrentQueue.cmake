# moodycamel::ConcurrentQueue: header only, and Debian's libconcurrentqueue-dev ships no CMake package.
# Defines ConcurrentQueue::ConcurrentQueue; its include folder is a SYSTEM one, which silences its warnings.

# Debian and vcpkg install concurrentqueue/concurrentqueue.h, which is what we include; upstream's own installation and
# Conan's have other folders.
find_path(ConcurrentQueue_INCLUDE_DIR
  NAMES concurrentqueue/concurrentqueue.h concurrentqueue/moodycamel/concurrentqueue.h moodycamel/concurrentqueue.h
  DOC "Folder that holds concurrentqueue/concurrentqueue.h, or moodycamel/concurrentqueue.h")
mark_as_advanced(ConcurrentQueue_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ConcurrentQueue REQUIRED_VARS ConcurrentQueue_INCLUDE_DIR)

if(ConcurrentQueue_FOUND AND NOT TARGET ConcurrentQueue::ConcurrentQueue)
  add_library(ConcurrentQueue::ConcurrentQueue INTERFACE IMPORTED)
  target_include_directories(ConcurrentQueue::ConcurrentQueue SYSTEM INTERFACE "${ConcurrentQueue_INCLUDE_DIR}")
  foreach(folder IN ITEMS concurrentqueue/moodycamel moodycamel)
    if(NOT EXISTS "${ConcurrentQueue_INCLUDE_DIR}/concurrentqueue/concurrentqueue.h"
        AND EXISTS "${ConcurrentQueue_INCLUDE_DIR}/${folder}/concurrentqueue.h")
      set(forward "${CMAKE_CURRENT_BINARY_DIR}/concurrentqueue-forward")
      file(WRITE "${forward}/concurrentqueue/concurrentqueue.h.new" "#include <${folder}/concurrentqueue.h>\n")
      configure_file("${forward}/concurrentqueue/concurrentqueue.h.new"
        "${forward}/concurrentqueue/concurrentqueue.h" COPYONLY)
      target_include_directories(ConcurrentQueue::ConcurrentQueue SYSTEM INTERFACE "${forward}")
      break()
    endif()
  endforeach()
endif()
