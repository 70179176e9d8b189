// asyncio's reader and writer: the reader waits for the event with which the writer says that the data is
// there.

#include "../gallery.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<void> reader(heddle::Event& written, const std::string& data) {
    print("Reader waits for the data");
    co_await written.wait();
    print("Reader reads: ", data);  // no lock needed: the write happened before set(), and set() before this
}

heddle::Coro<void> writer(heddle::Event& written, std::string& data) {
    print("Writer works");
    co_await sleep(1s);
    data = "hello";
    print("Writer has written");
    written.set();
}

heddle::Coro<void> run() {
    heddle::Event written;
    std::string data;
    co_await heddle::gather(reader(written, data), writer(written, data));
}

const Program program("event/reader_writer", 1s, run);

}  // namespace
}  // namespace gallery
