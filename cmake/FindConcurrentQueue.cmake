# moodycamel::ConcurrentQueue: header only, and Debian's libconcurrentqueue-dev ships no CMake package.
# Defines ConcurrentQueue::ConcurrentQueue; its include folder is a SYSTEM one, which silences its warnings.

find_path(ConcurrentQueue_INCLUDE_DIR
  NAMES concurrentqueue/concurrentqueue.h
  DOC "Folder that holds concurrentqueue/concurrentqueue.h")
mark_as_advanced(ConcurrentQueue_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ConcurrentQueue REQUIRED_VARS ConcurrentQueue_INCLUDE_DIR)

if(ConcurrentQueue_FOUND AND NOT TARGET ConcurrentQueue::ConcurrentQueue)
  add_library(ConcurrentQueue::ConcurrentQueue INTERFACE IMPORTED)
  target_include_directories(ConcurrentQueue::ConcurrentQueue SYSTEM INTERFACE "${ConcurrentQueue_INCLUDE_DIR}")
endif()
