#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/epoch.hpp>

#include <utility>

namespace heddle::detail {

/// Lock-free stack (Treiber 1986). Every member needs an EpochPin, which also rules out that a node's address
/// comes back while a pop still compares with it.
///
/// [top] pushing releases the node, popping acquires it.
template <class T>
class LifoContainer : Immovable {
public:
    ~LifoContainer() {
        while (Node* node = top_.load(relaxed)) {  // relaxed: nobody else is left
            top_.store(node->next, relaxed);       // relaxed: as above
            delete node;
        }
    }
    void push(T&& value) {
        auto* node = new Node(std::move(value));
        node->next = top_.load(relaxed);  // relaxed: the CAS validates it
        while (!top_.compare_exchange_weak(node->next, node, acq_rel, relaxed)) {  // acq_rel [top]
        }
    }
    /// Calls `take(T&)` on the newest value and destroys it; false: there is none.
    template <class Take>
    bool pop(Take&& take) {
        Node* node = top_.load(acquire);  // acquire [top]
        while (node != nullptr &&
               !top_.compare_exchange_weak(node, node->next, acq_rel, acquire)) {  // acq_rel [top]
        }
        if (node == nullptr) {
            return false;
        }
        struct Retire {
            Node* node;
            ~Retire() {
                node->destroy_value();
                epoch_retire(node);
            }
        } const retire{node};
        take(node->value);
        return true;
    }

private:
    struct Node final : Retired {
        explicit Node(T&& v)
            : Retired{.reclaim = [](Retired* self) noexcept { delete static_cast<Node*>(self); }},
              value(std::move(v)) {}
        ~Node() {
            if (!empty) {
                value.~T();
            }
        }
        /// The value ends with its pop, not when the node is reclaimed.
        void destroy_value() noexcept {
            value.~T();
            empty = true;
        }
        Node* next = nullptr;
        bool empty = false;
        union {
            T value;
        };
    };
    Atomic<Node*> top_{nullptr};
};

}  // namespace heddle::detail
