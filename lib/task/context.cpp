#include <heddle/context.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/fork.hpp>

#include <stdexcept>

namespace heddle::detail {

namespace {

using Context = std::shared_ptr<const ContextNode>;

/// What the calling code reads and writes: its task's context, or its thread's.
Context& own_context() {
    static thread_local Context of_thread;
    return this_worker != nullptr ? extras_of(control_of(this_worker->current)).context : of_thread;
}

/// `context` without `variable`; shares the tail behind it.
Context without(const Context& context, const void* variable) {
    if (context == nullptr) {
        return nullptr;
    }
    if (context->variable == variable) {
        return context->next;
    }
    Context rest = without(context->next, variable);
    return rest == context->next
               ? context
               : std::make_shared<const ContextNode>(context->variable, context->value, std::move(rest));
}

}  // namespace

Context thread_context() { return own_context(); }

void set_thread_context(Context context) noexcept { own_context() = std::move(context); }

std::shared_ptr<const void> context_get(const void* variable) {
    for (const ContextNode* node = own_context().get(); node != nullptr; node = node->next.get()) {
        if (node->variable == variable) {
            return node->value;
        }
    }
    return nullptr;
}

std::shared_ptr<const void> context_set(const void* variable, std::shared_ptr<const void> value) {
    Context& context = own_context();
    std::shared_ptr<const void> before = context_get(variable);
    Context rest = before != nullptr ? without(context, variable) : context;
    context = value != nullptr
                  ? std::make_shared<const ContextNode>(variable, std::move(value), std::move(rest))
                  : std::move(rest);
    return before;
}

void throw_no_context_value(const std::string& name) {
    throw std::out_of_range("ContextVar '" + name + "' has no value");
}

void check_token(const std::string& name, bool own, bool used) {
    if (!own) {
        throw std::invalid_argument("ContextVar '" + name +
                                    "': the token was created by a different ContextVar");
    }
    if (used) {
        throw std::runtime_error("ContextVar '" + name + "': the token has already been used once");
    }
}

}  // namespace heddle::detail
