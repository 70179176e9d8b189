#pragma once

#include <cstddef>

namespace heddle::detail {

struct TaskControl;

/// Control blocks come from type-stable slabs: memory that is never unmapped and only ever holds control
/// blocks, so that a stale wake-up may look at one arbitrarily late. 64 bytes each, 64-byte aligned.
/// The block's word keeps its seq over reuse; everything else is as the last user left it.
[[nodiscard]] TaskControl* slab_allocate();
/// From what is kept for this purpose, when there is no memory. Whoever may come to need one calls
/// slab_require_memory(), which throws std::bad_alloc, before it begins; or asks slab_has_memory().
[[nodiscard]] TaskControl* slab_allocate_always() noexcept;
void slab_require_memory();
[[nodiscard]] bool slab_has_memory() noexcept;
void slab_free(TaskControl* control) noexcept;

/// Calls fn(control, context) for every block ever handed out, in use or not.
void slab_for_each(void (*fn)(TaskControl& control, void* context), void* context);

/// Blocks in use: a test hook.
[[nodiscard]] std::size_t slab_in_use() noexcept;

}  // namespace heddle::detail
