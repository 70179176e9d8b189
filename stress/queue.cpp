#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

// Producers and consumers of items that cannot be copied, over queues of all kinds and sizes. At the end of a
// round the queue is shut down, now and then at once; join() must end then.

namespace heddle::stress {
namespace {

constexpr std::size_t most_producers = 64;

/// What the queue carries: an item tells the ledger where it has ended.
struct Books {
    Ledger all;    // made, destroyed
    Ledger moved;  // put, got
    Ledger lost;   // not put after all, destroyed without having been got
};
struct Item {
    Item(Books& b, std::uint64_t number, unsigned from, unsigned at)
        : books(b), id(number), producer(from), place(at) {
        books.all.give(id);
    }
    Item(const Item&) = delete;
    Item& operator=(const Item&) = delete;
    Item(Item&&) = delete;
    Item& operator=(Item&&) = delete;
    ~Item() {
        books.all.receive(id);
        if (!got) {
            books.lost.receive(id);
        }
    }
    Books& books;
    const std::uint64_t id;
    const unsigned producer;
    const unsigned place;  // among those of its producer
    bool got = false;
};
using Parcel = std::unique_ptr<Item>;

struct ByNumber {
    bool operator()(const Parcel& a, const Parcel& b) const { return a->id < b->id; }
};

/// One consumer's view: what it gets from one producer comes in the order in which it was put.
using LastSeen = std::array<unsigned, most_producers>;

template <class Q>
struct State {
    State(Run& r, std::ptrdiff_t size) : run(r), queue(size) {}

    Parcel make(unsigned producer, unsigned place) {
        return std::make_unique<Item>(books, ids.fetch_add(1), producer, place);
    }
    void got(Parcel item, LastSeen& last) {
        if constexpr (std::is_same_v<Q, Queue<Parcel>>) {
            if (item->place <= last[item->producer]) {
                run.fail("the items of one producer were overtaken by each other");
            }
            last[item->producer] = item->place;
        }
        item->got = true;
        books.moved.receive(item->id);
        if (run.fault()) {
            books.moved.receive(item->id);
        }
        queue.task_done();
    }

    Run& run;
    Books books;
    Q queue;
    Ends ends;
    std::atomic<std::uint64_t> ids{1};
    std::atomic<unsigned> producers{0};
};

template <class Q>
struct Hands {
    explicit Hands(State<Q>& s) : state(s), producer(s.producers.fetch_add(1)) {
        s.run.check(producer < most_producers, "too many producers for the harness");
    }
    State<Q>& state;
    const unsigned producer;
    unsigned place = 0;
    LastSeen last{};
};

template <class Q>
Coro<void> put(Hands<Q>& hands) {
    State<Q>& state = hands.state;
    Parcel item = state.make(hands.producer, ++hands.place);
    const std::uint64_t id = item->id;
    bool in = false;
    std::exception_ptr error;
    try {
        co_await state.queue.put(std::move(item));
        in = true;
    } catch (...) {
        error = std::current_exception();
    }
    (in ? state.books.moved : state.books.lost).give(id);
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
}

template <class Q>
Coro<void> get(Hands<Q>& hands) {
    Parcel item = co_await hands.state.queue.get();
    hands.state.got(std::move(item), hands.last);
}

/// A batch: what put_many() leaves in the vector has not been put.
template <class Q>
struct Batch {
    Batch(Hands<Q>& h, unsigned n) : hands(h) {
        for (unsigned i = 0; i < n; ++i) {
            items.push_back(h.state.make(h.producer, ++h.place));
            ids.push_back(items.back()->id);
        }
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    Batch(Batch&&) = delete;
    Batch& operator=(Batch&&) = delete;
    ~Batch() {
        Books& books = hands.state.books;
        const std::size_t in = ids.size() - items.size();
        for (std::size_t i = 0; i < ids.size(); ++i) {
            (i < in ? books.moved : books.lost).give(ids[i]);
        }
    }
    Hands<Q>& hands;
    std::vector<Parcel> items;
    std::vector<std::uint64_t> ids;
};
template <class Q>
Coro<void> put_many(Hands<Q>& hands, unsigned n) {
    Batch<Q> batch(hands, n);
    co_await hands.state.queue.put_many(batch.items);
}
template <class Q>
Coro<void> get_many(Hands<Q>& hands, unsigned n) {
    std::vector<Parcel> items = co_await hands.state.queue.get_many(n);
    hands.state.run.check(!items.empty() && items.size() <= n, "get_many() got too few or too many");
    for (Parcel& item : items) {
        hands.state.got(std::move(item), hands.last);
    }
}

/// Without waiting. For tasks and threads.
template <class Q>
void put_at_once(Hands<Q>& hands, bool try_it) {
    State<Q>& state = hands.state;
    Parcel item = state.make(hands.producer, ++hands.place);
    const std::uint64_t id = item->id;
    bool in = false;
    try {
        if (try_it) {
            in = state.queue.try_put(std::move(item));
        } else {
            state.queue.put_nowait(std::move(item));
            in = true;
        }
    } catch (const QueueFull&) {
        in = false;
    } catch (...) {
        state.books.lost.give(id);
        throw;
    }
    (in ? state.books.moved : state.books.lost).give(id);
}
template <class Q>
void get_at_once(Hands<Q>& hands, bool try_it) {
    State<Q>& state = hands.state;
    if (try_it) {
        if (std::optional<Parcel> item = state.queue.try_get()) {
            state.got(std::move(*item), hands.last);
        }
        return;
    }
    try {
        state.got(state.queue.get_nowait(), hands.last);
    } catch (const QueueEmpty&) {
        return;
    }
}
template <class Q>
Coro<void> at_once(Hands<Q>& hands, unsigned which) {
    co_await yield();
    if (which < 2) {
        put_at_once(hands, which == 0);
    } else {
        get_at_once(hands, which == 2);
    }
}

template <class Q>
Coro<void> join(Q& queue) {
    co_await queue.join();
}

template <class Q>
Coro<void> party(State<Q>& state) {
    Random random = state.run.random();
    Hands<Q> hands(state);
    const bool producer = random.one_in(2);
    while (state.run.round_goes_on()) {
        state.ends.begin();
        Coro<void> operation;
        switch (random.below(8)) {
            case 0:
                operation = at_once(hands, random.below(4));
                break;
            case 1:
                operation = join(state.queue);
                break;
            case 2:
                operation = producer ? get(hands) : put(hands);
                break;
            case 3:
                operation =
                    producer ? put_many(hands, 1 + random.below(9)) : get_many(hands, 1 + random.below(9));
                break;
            default:
                operation = producer ? put(hands) : get(hands);
        }
        co_await attempt(state.run, random, std::move(operation));
        state.ends.end();
    }
}

template <class Q>
void thread(State<Q>& state, Random& random) {
    Hands<Q> hands(state);
    Counter& blocked = state.run.count("blocking");
    try {
        while (state.run.round_goes_on()) {
            switch (random.below(8)) {
                case 0:
                    put_at_once(hands, random.one_in(2));
                    break;
                case 1:
                    get_at_once(hands, random.one_in(2));
                    break;
                case 2: {
                    Batch<Q> batch(hands, random.below(5));
                    state.queue.put_many_blocking(batch.items);
                    break;
                }
                case 3:
                    for (Parcel& item : state.queue.get_many_blocking(1 + random.below(5))) {
                        state.got(std::move(item), hands.last);
                    }
                    break;
                case 4: {
                    Parcel item = state.queue.get_blocking();
                    state.got(std::move(item), hands.last);
                    break;
                }
                default: {
                    Parcel item = state.make(hands.producer, ++hands.place);
                    const std::uint64_t id = item->id;
                    try {
                        state.queue.put_blocking(std::move(item));
                    } catch (...) {
                        state.books.lost.give(id);
                        throw;
                    }
                    state.books.moved.give(id);
                }
            }
            blocked.add();
        }
    } catch (const QueueShutDown&) {
        blocked.add();
    }
}

/// After the shutdown: takes what is left.
template <class Q>
void drain(State<Q>& state) {
    LastSeen fresh{};
    for (;;) {
        try {
            Parcel item = state.queue.get_blocking();
            fresh.fill(0);
            state.got(std::move(item), fresh);
        } catch (const QueueShutDown&) {
            return;
        }
    }
}

template <class Q>
void round(Run& run, Random& random) {
    static constexpr std::array<std::ptrdiff_t, 5> sizes{0, 1, 2, 7, 100};
    State<Q> state(run, sizes.at(random.below(sizes.size())));
    const bool immediate = random.one_in(3);
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        std::atomic<bool> closed{false};
        const auto finish = [&] {
            state.queue.shutdown(immediate);
            closed = true;
        };
        const Task<void> all =
            runtime.spawn(parties(run, 2 + random.below(12), [&](unsigned) { return party(state); }, finish));
        while (!closed) {
            std::this_thread::yield();
        }
        drain(state);  // some of the parties wait in join()
        all.wait_blocking();
        threads.join();
        state.queue.join_blocking();
    }
    state.ends.check(run, "operations");
    run.check(state.queue.empty(), "items are left in a queue that was drained");
    if (!immediate) {
        state.books.moved.check(run, "items put and got");
        state.books.lost.check(run, "items not put and destroyed");
    }
    state.books.all.check(run, "items made and destroyed");
}

}  // namespace

void stress_queue(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        switch (random.below(3)) {
            case 0:
                round<Queue<Parcel>>(run, random);
                break;
            case 1:
                round<LifoQueue<Parcel>>(run, random);
                break;
            default:
                round<PriorityQueue<Parcel, ByNumber>>(run, random);
        }
    }
}

}  // namespace heddle::stress
