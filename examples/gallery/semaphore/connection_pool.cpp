// asyncio's ConnectionPool: eight downloads share three connections; the semaphore counts the free ones.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/queue.hpp>
#include <heddle/semaphore.hpp>

#include <utility>

namespace gallery {
namespace {

class ConnectionPool {
public:
    explicit ConnectionPool(int size) : available_(size) {
        for (int connection = size; connection >= 1; --connection) {
            free_.put_nowait(connection);
        }
    }

    heddle::Coro<void> download(int n) {
        auto permit = co_await available_.scoped();
        const int connection = free_.get_nowait();  // there is one: we hold a permit
        print("Download ", n, " starts on connection ", connection);
        co_await sleep(1s);
        print("Download ", n, " is done");
        free_.put_nowait(connection);
    }

private:
    heddle::Semaphore available_;
    heddle::LifoQueue<int> free_;  // a plain list in Python; here several tasks take and return in parallel
};

heddle::Coro<void> client(ConnectionPool& pool, int n) {
    co_await sleep(n * 0.2s);
    co_await pool.download(n);
}

heddle::Coro<void> run() {
    ConnectionPool pool(3);
    std::vector<heddle::Coro<void>> clients;
    for (int n = 0; n < 8; ++n) {
        clients.push_back(client(pool, n));
    }
    co_await heddle::gather(std::move(clients));
}

const Program program("semaphore/connection_pool", 3.2s, run);

}  // namespace
}  // namespace gallery
