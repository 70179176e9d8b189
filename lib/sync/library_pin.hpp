#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/sync/epoch.hpp>

namespace heddle::detail {

/// The same steps as the library's own hot functions call them: without registers saved for them.
struct EpochStepsAside {
    HEDDLE_ASIDE static EpochRecord* first() noexcept;
    HEDDLE_ASIDE static void collect(EpochRecord& record) noexcept;
};

/// An EpochPin for these functions. (On waiting for a lock and passing it on: a tenth of the time.)
using LibraryPin = BasicEpochPin<EpochStepsAside>;

}  // namespace heddle::detail
