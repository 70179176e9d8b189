// asyncio's chef: waits for two events, the ingredients and the oven, that two other tasks set.

#include "../gallery.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<void> prepare_ingredients(heddle::Event& ingredients) {
    print("Preparing the ingredients");
    co_await sleep(1s);
    print("The ingredients are ready");
    ingredients.set();
}

heddle::Coro<void> heat_oven(heddle::Event& oven) {
    print("Heating the oven");
    co_await sleep(2s);
    print("The oven is hot");
    oven.set();
}

heddle::Coro<void> chef(heddle::Event& ingredients, heddle::Event& oven) {
    print("The chef waits");
    co_await ingredients.wait();
    co_await oven.wait();
    print("The chef bakes");
    co_await sleep(1s);
    print("The cake is ready");
}

heddle::Coro<void> run() {
    heddle::Event ingredients;
    heddle::Event oven;
    co_await heddle::gather(chef(ingredients, oven), prepare_ingredients(ingredients), heat_oven(oven));
}

const Program program("event/chef", 3s, run);

}  // namespace
}  // namespace gallery
