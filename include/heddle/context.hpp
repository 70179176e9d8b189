#pragma once

#include <heddle/detail/base/immovable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace heddle {

namespace detail {

/// One value in a context: an immutable list that child tasks share.
struct ContextNode {
    ContextNode(const void* v, std::shared_ptr<const void> x, std::shared_ptr<const ContextNode> n) noexcept
        : variable(v), value(std::move(x)), next(std::move(n)) {}
    const void* variable;
    std::shared_ptr<const void> value;
    std::shared_ptr<const ContextNode> next;
};

/// The value of `variable` in the running task (or, on a plain thread, in the thread); null if it has none.
[[nodiscard]] std::shared_ptr<const void> context_get(const void* variable);
/// Sets it (null: takes it away) and returns the one before.
std::shared_ptr<const void> context_set(const void* variable, std::shared_ptr<const void> value);
[[noreturn]] void throw_no_context_value(const std::string& name);
/// Throws unless a token of the variable `name` may be used for a reset.
void check_token(const std::string& name, bool own, bool used);

}  // namespace detail

/// A variable with a value per task, as contextvars.ContextVar: a child task starts with a copy of its
/// creator's values, and what it sets is seen by itself and its later children only. On plain threads there
/// is one value per thread, which tasks spawned from it inherit.
///
/// Any thread. The variable must outlive its use; usually it is a namespace-scope constant. O(variables set).
template <class T>
class ContextVar : detail::Immovable {
public:
    /// What set() gives: the value before, for one reset().
    class Token {
    private:
        friend class ContextVar;
        Token(const ContextVar* variable, std::shared_ptr<const void> before) noexcept
            : variable_(variable), before_(std::move(before)) {}
        const ContextVar* variable_;
        std::shared_ptr<const void> before_;
        mutable bool used_ = false;
    };

    /// Without a default. The name is for messages.
    explicit ContextVar(std::string name) : name_(std::move(name)) {}
    /// With a default, which get() gives where nothing was set.
    ContextVar(std::string name, T default_value)
        : name_(std::move(name)), default_(std::move(default_value)) {}

    /// The value; the default if there is none. Throws std::out_of_range if there is no default either.
    [[nodiscard]] T get() const {
        if (const auto value = detail::context_get(this); value != nullptr) {
            return *static_cast<const T*>(value.get());
        }
        if (!default_) {
            detail::throw_no_context_value(name_);
        }
        return *default_;
    }
    /// The value, or `otherwise` if it was never set here.
    [[nodiscard]] T get(T otherwise) const {
        const auto value = detail::context_get(this);
        if (value == nullptr) {
            return otherwise;
        }
        return *static_cast<const T*>(value.get());
    }
    /// Sets it for this task and the children it creates from now on; the token is for reset().
    Token set(T value) {
        return Token(this, detail::context_set(this, std::make_shared<const T>(std::move(value))));
    }
    /// Puts back what was before the set() that gave `token`. Throws std::runtime_error if the token was used
    /// before, std::invalid_argument if it is another variable's.
    void reset(const Token& token) {
        detail::check_token(name_, token.variable_ == this, token.used_);
        detail::context_set(this, token.before_);
        token.used_ = true;
    }
    /// What the constructor was given.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    std::string name_;
    std::optional<T> default_;
};

}  // namespace heddle
