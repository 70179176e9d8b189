# Included when heddle is configured and by its package: a compiler whose coroutines need care is named before anything is
# compiled with it. -DHEDDLE_NO_GCC12_WARNING=ON says that you know.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12.3
   AND NOT HEDDLE_NO_GCC12_WARNING)
  message(WARNING
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles some coroutines. Do not write `co_await` in the condition of if, "
    "while or switch (write `auto ok = co_await x; if (ok)`), nor a lambda with captures or a braced aggregate inside "
    "of a co_await expression (name it first). Both are fixed in later versions; docs/compilers.md tells more.")
endif()
