#include "content.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <span>

namespace dupes {

namespace {

constexpr std::size_t block_size = std::size_t{64} * 1024;
constexpr unsigned blocks_per_turn = 16;

/// A block on the heap: frames of coroutines should stay small.
class Block {
public:
    std::span<std::byte> bytes() { return {bytes_.get(), block_size}; }

private:
    std::unique_ptr<std::byte[]> bytes_ = std::make_unique_for_overwrite<std::byte[]>(block_size);
};

/// A long file must not keep its worker from the other tasks: after each megabyte they have a turn.
class Turns {
public:
    [[nodiscard]] bool over() { return ++blocks_ % blocks_per_turn == 0; }

private:
    unsigned blocks_ = 0;
};

/// XXH3 over pieces. The state lives on the heap because it wants an alignment of 64, which GCC 12 does not
/// give to the locals of a coroutine.
class Hasher {
public:
    Hasher() {
        if (!state_ || XXH3_128bits_reset(state_.get()) != XXH_OK) {
            throw std::bad_alloc();
        }
    }
    void add(std::span<const std::byte> bytes) {
        XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
    }
    [[nodiscard]] Digest digest() const {
        const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
        return {hash.high64, hash.low64};
    }

private:
    struct Free {
        void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
    };
    std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
};

/// No coroutine, so its buffer can be on the stack.
Digest hash_start(const File& file) {
    std::array<std::byte, start_size> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
    Reader reader(file);
    const auto start = reader.read(buffer);
    const XXH128_hash_t hash = XXH3_128bits(start.data(), start.size());
    return {hash.high64, hash.low64};
}

void count(Context& context, std::size_t bytes) {
    context.progress.bytes.fetch_add(bytes, std::memory_order_relaxed);  // relaxed: see Progress
}

}  // namespace

heddle::Coro<Digest> digest_of_start(Context& context, const File& file) {
    auto permit = co_await context.open_files.scoped();
    const Digest digest = hash_start(file);
    count(context, static_cast<std::size_t>(std::min<std::uint64_t>(file.size, start_size)));
    co_return digest;
}

heddle::Coro<Digest> digest_of_whole(Context& context, const File& file) {
    auto permit = co_await context.open_files.scoped();
    Reader reader(file);
    Block block;
    Hasher hasher;
    Turns turns;
    while (!reader.at_end()) {
        const auto bytes = reader.read(block.bytes());
        hasher.add(bytes);
        count(context, bytes.size());
        if (turns.over()) {
            co_await heddle::yield();
        }
    }
    co_return hasher.digest();
}

heddle::Coro<bool> equal_content(Context& context, const File& a, const File& b) {
    if (same_inode(a, b)) {
        co_return true;
    }
    // If many tasks took a first permit and waited for a second, all permits could be first ones, for ever.
    // So only one at a time collects; the others that hold permits wait for nothing and will give them back.
    auto collecting = co_await context.pairing.scoped();
    auto permit_a = co_await context.open_files.scoped();
    auto permit_b = co_await context.open_files.scoped();
    collecting.release();

    Reader reader_a(a);
    Reader reader_b(b);
    Block block_a;
    Block block_b;
    Turns turns;
    while (!reader_a.at_end()) {
        const auto bytes_a = reader_a.read(block_a.bytes());
        const auto bytes_b = reader_b.read(block_b.bytes());
        count(context, bytes_a.size() + bytes_b.size());
        if (!std::ranges::equal(bytes_a, bytes_b)) {
            co_return false;
        }
        if (turns.over()) {
            co_await heddle::yield();
        }
    }
    // Who has grown meanwhile had equal content, but has it no longer.
    reader_a.check_size();
    reader_b.check_size();
    co_return true;
}

}  // namespace dupes
