#include "search.hpp"

#include "content.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <span>
#include <tuple>
#include <utility>

namespace dupes {

namespace {

using DigestFunction = heddle::Coro<Digest>(Context&, const File&);

/// Splits a group by a digest of its files, which are read in parallel. What is alone in its part is left
/// out.
heddle::Coro<std::vector<Group>> split(Context& context, Group group, DigestFunction& digest_of) {
    std::vector<heddle::Coro<Digest>> work;
    work.reserve(group.size());
    for (const File* file : group) {
        work.push_back(digest_of(context, *file));
    }
    // One unreadable file must not stop the others, so errors come as results.
    auto digests = co_await heddle::gather(heddle::return_exceptions, std::move(work));

    std::vector<std::pair<Digest, const File*>> sorted;
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (digests[i].has_value()) {
            sorted.emplace_back(digests[i].value(), group[i]);
        } else {
            co_await note_unreadable(context, digests[i].exception());
        }
    }
    std::ranges::sort(sorted);

    std::vector<Group> parts;
    for (auto first = sorted.begin(); first != sorted.end();) {
        const auto last =
            std::find_if(first, sorted.end(), [&](const auto& other) { return other.first != first->first; });
        if (last - first > 1) {
            Group& part = parts.emplace_back();
            std::transform(first, last, std::back_inserter(part),
                           [](const auto& entry) { return entry.second; });
        }
        first = last;
    }
    co_return parts;
}

/// One round of confirm(): who is equal to the first file, and who has to be compared in another round.
struct Round {
    Group equal;
    Group rest;
};

heddle::Coro<Round> compare_with_first(Context& context, const Group& candidates) {
    const File& first = *candidates.front();
    std::vector<heddle::Coro<bool>> work;
    for (const File* other : std::span(candidates).subspan(1)) {
        work.push_back(equal_content(context, first, *other));
    }
    auto results = co_await heddle::gather(heddle::return_exceptions, std::move(work));

    Round round{.equal = {&first}, .rest = {}};
    bool first_readable = true;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const File* other = candidates[i + 1];
        if (results[i].has_value()) {
            (results[i].value() ? round.equal : round.rest).push_back(other);
            continue;
        }
        const auto path = co_await note_unreadable(context, results[i].exception());
        if (path != other->path) {
            first_readable = false;
            round.rest.push_back(other);
        }
    }
    if (!first_readable) {  // then what it said about the others is worth nothing
        round.rest.insert(round.rest.end(), round.equal.begin() + 1, round.equal.end());
        round.equal.clear();
    }
    co_return round;
}

/// Files with the same digest are equal with near certainty; here that becomes certain.
heddle::Coro<std::vector<Group>> confirm(Context& context, Group candidates) {
    std::vector<Group> groups;
    while (candidates.size() > 1) {
        auto round = co_await compare_with_first(context, candidates);
        if (round.equal.size() > 1) {
            groups.push_back(std::move(round.equal));
        }
        candidates = std::move(round.rest);
    }
    co_return groups;
}

/// From files of one size to groups of equal files: each step looks at fewer files and reads more of them.
heddle::Coro<std::vector<Group>> examine(Context& context, Group same_size) {
    std::vector<Group> groups;
    const bool longer = same_size.front()->size > start_size;
    auto same_start = co_await split(context, std::move(same_size), digest_of_start);
    for (Group& part : same_start) {
        std::vector<Group> same_digest;
        if (longer) {
            same_digest = co_await split(context, std::move(part), digest_of_whole);
        } else {
            same_digest.push_back(std::move(part));
        }
        for (Group& likely : same_digest) {
            auto confirmed = co_await confirm(context, std::move(likely));
            std::ranges::move(confirmed, std::back_inserter(groups));
        }
    }
    co_return groups;
}

struct Found {
    heddle::Lock lock;  // guards groups
    std::vector<Group> groups;
};

/// A consumer of the queue: works until the queue is shut down and empty.
heddle::Coro<void> work(Context& context, heddle::Queue<Group>& queue, Found& found) {
    try {
        for (;;) {
            auto group = co_await queue.get();
            auto groups = co_await examine(context, std::move(group));
            context.progress.done.fetch_add(1, std::memory_order_relaxed);  // relaxed: see Progress
            if (!groups.empty()) {
                auto held = co_await found.lock.scoped();
                std::ranges::move(groups, std::back_inserter(found.groups));
            }
        }
    } catch (const heddle::QueueShutDown&) {
        co_return;
    }
}

}  // namespace

std::vector<Group> group_by_size(std::vector<File>& files, const Options& options) {
    std::ranges::sort(
        files, {}, [](const File& file) { return std::tie(file.size, file.device, file.inode, file.path); });
    if (!options.hardlinks) {
        const auto surplus = std::ranges::unique(files, same_inode);
        files.erase(surplus.begin(), surplus.end());
    }
    std::vector<Group> groups;
    for (auto first = files.begin(); first != files.end();) {
        const auto last =
            std::find_if(first, files.end(), [&](const File& file) { return file.size != first->size; });
        if (last - first > 1 && (options.empty || first->size > 0)) {
            Group& group = groups.emplace_back();
            std::transform(first, last, std::back_inserter(group), [](const File& file) { return &file; });
        }
        first = last;
    }
    // Large groups first: a large one at the end would leave the other workers idle.
    std::ranges::sort(groups, std::ranges::greater(),
                      [](const Group& group) { return group.size() * group.front()->size; });
    return groups;
}

heddle::Coro<std::vector<Group>> find_equal(Context& context, std::vector<Group> candidates) {
    Found found;
    // Bounded: the producer is never far ahead of the consumers.
    heddle::Queue<Group> queue(64);
    auto body = [&](heddle::TaskGroup& tasks) -> heddle::Coro<void> {
        for (unsigned i = 0; i < heddle::Runtime::current().workers(); ++i) {
            tasks.create_task(work(context, queue, found));
        }
        for (Group& group : candidates) {
            co_await queue.put(std::move(group));
        }
        queue.shutdown();
    };
    co_await heddle::task_group(std::move(body));
    co_return std::move(found.groups);
}

}  // namespace dupes
