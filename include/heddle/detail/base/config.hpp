#pragma once

// The only header that looks at compilers. Everything else uses the names defined here.

#if defined(__GNUC__) && !defined(__clang__)
#define HEDDLE_GCC 1
#if __GNUC__ < 12
#error "heddle needs GCC 12 or newer, or Clang 19 or newer"
#endif
#if __GNUC__ == 12 && __GNUC_MINOR__ < 3 && !defined(HEDDLE_NO_GCC12_WARNING)
// A pragma and not #warning, which -Wpedantic -Werror would turn into an error for users.
#pragma GCC warning \
    "GCC 12.1 and 12.2 miscompile `if (co_await x)` and closures inside a co_await expression: see docs/compilers.md (silence with -DHEDDLE_NO_GCC12_WARNING)"
#endif
#else
#define HEDDLE_GCC 0
#endif

#define HEDDLE_NOINLINE __attribute__((noinline))
/// Of a class that is nothing but an owning pointer: passed and returned in a register, where the compiler
/// can.
#if HEDDLE_GCC
#define HEDDLE_TRIVIAL_ABI
#else
#define HEDDLE_TRIVIAL_ABI __attribute__((trivial_abi))
#endif
#define HEDDLE_COLD __attribute__((noinline, cold))
/// A rare step off a hot function, which saves the registers, so that the hot one does not have to each time.
/// Only between functions of the compiled library, and hidden: other compilers would not call it so, and lazy
/// binding does not keep all registers.
#if !HEDDLE_GCC && (defined(__x86_64__) || defined(__aarch64__))
#define HEDDLE_ASIDE __attribute__((noinline, cold, preserve_most, visibility("hidden")))
#else
#define HEDDLE_ASIDE HEDDLE_COLD
#endif
/// A hot step made of many small functions: all of them are compiled into it.
#define HEDDLE_FLATTEN __attribute__((flatten))
#define HEDDLE_ALWAYS_INLINE inline __attribute__((always_inline))
#define HEDDLE_LIKELY(x) __builtin_expect(static_cast<bool>(x), 1)
#define HEDDLE_UNLIKELY(x) __builtin_expect(static_cast<bool>(x), 0)

// What a lock of ours guards, for clang's -Wthread-safety: which lock is taken and left where, and that what
// it guards is only touched under it. std::mutex says nothing about itself in libstdc++: what it guards is
// not checked, and has a comment instead.
#if HEDDLE_GCC
#define HEDDLE_THREAD_SAFETY(attribute)
#else
#define HEDDLE_THREAD_SAFETY(attribute) __attribute__((attribute))
#endif
#define HEDDLE_CAPABILITY(kind) HEDDLE_THREAD_SAFETY(capability(kind))
#define HEDDLE_SCOPED_CAPABILITY HEDDLE_THREAD_SAFETY(scoped_lockable)
#define HEDDLE_GUARDED_BY(lock) HEDDLE_THREAD_SAFETY(guarded_by(lock))
#define HEDDLE_REQUIRES(lock) HEDDLE_THREAD_SAFETY(requires_capability(lock))
#define HEDDLE_ACQUIRE(...) HEDDLE_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define HEDDLE_TRY_ACQUIRE(...) HEDDLE_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
#define HEDDLE_RELEASE(...) HEDDLE_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define HEDDLE_UNCHECKED_LOCKING HEDDLE_THREAD_SAFETY(no_thread_safety_analysis)

// Before a loop of few turns: unrolled, it would take registers that its function then has to save.
#if defined(__clang__)
#define HEDDLE_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define HEDDLE_NO_UNROLL
#endif

// GCC (every version tried) and clang before 19 may keep locals of an inlined await_suspend in the
// coroutine frame, which another thread may already have resumed or freed.
#if HEDDLE_GCC || (defined(__clang_major__) && __clang_major__ < 19)
#define HEDDLE_SUSPEND HEDDLE_NOINLINE
#else
#define HEDDLE_SUSPEND
#endif

// Symmetric transfer is a real tail call with clang in every mode, with GCC only when optimising and
// without sanitizers. Where it is not, chains of transfers are cut every so often (see transfer.hpp).
#if HEDDLE_GCC
#define HEDDLE_BOUND_TRANSFERS 1
#else
#define HEDDLE_BOUND_TRANSFERS 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEDDLE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEDDLE_SANITIZED 1
#endif
#endif
#ifndef HEDDLE_SANITIZED
#define HEDDLE_SANITIZED 0
#endif

// Built with HEDDLE_FORCE_SUSPEND=1 every await_ready() of the library that would succeed at once first
// goes through the ready queue: miscompilations that hide on the ready path then show.
#ifndef HEDDLE_FORCE_SUSPEND
#define HEDDLE_FORCE_SUSPEND 0
#endif
