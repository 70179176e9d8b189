// asyncio's database, server and workers: the server starts when the database is ready, the workers when the
// server is.

#include "../gallery.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<void> database(heddle::Event& database_ready) {
    print("Database starts");
    co_await sleep(2s);
    print("Database is ready");
    database_ready.set();
}

heddle::Coro<void> server(heddle::Event& database_ready, heddle::Event& server_ready) {
    print("Server waits for the database");
    co_await database_ready.wait();
    print("Server starts");
    co_await sleep(1s);
    print("Server is ready");
    server_ready.set();
}

heddle::Coro<void> worker(heddle::Event& server_ready, int n) {
    print("Worker ", n, " waits for the server");
    co_await server_ready.wait();
    print("Worker ", n, " works");
}

heddle::Coro<void> run() {
    heddle::Event database_ready;
    heddle::Event server_ready;
    co_await heddle::gather(worker(server_ready, 1), worker(server_ready, 2),
                            server(database_ready, server_ready), database(database_ready));
}

const Program program("event/startup", 3s, run);

}  // namespace
}  // namespace gallery
