// asyncio's print_document: five documents share two printers.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<void> print_document(heddle::Semaphore& printers, int n) {
    co_await sleep(n * 0.2s);
    auto printer = co_await printers.scoped();
    print("Document ", n, " is printing");
    co_await sleep(1s);
    print("Document ", n, " is done");
}

heddle::Coro<void> run() {
    heddle::Semaphore printers(2);
    std::vector<heddle::Coro<void>> documents;
    for (int n = 0; n < 5; ++n) {
        documents.push_back(print_document(printers, n));
    }
    co_await heddle::gather(std::move(documents));
}

const Program program("semaphore/printer", 3s, run);

}  // namespace
}  // namespace gallery
