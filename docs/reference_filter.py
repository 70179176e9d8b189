"""Doxygen's filter for the headers: shows what users see.

Awaitables have private types, so that `detail::PermitAwaiter acquire()` is read as `Awaitable<void> acquire()`; the base of
the queues and the guard of scoped() are public classes that live in detail/; members that a type merely forbids or
defaults, and those that only the library can call, are left out.
"""
import pathlib
import re
import sys

AWAITABLES = [
    (r"detail::TaskAwaiter<T, false>", "Awaitable<const T&>"),
    (r"detail::(?:TaskAwaiter<T, true>|CoroAwaiter<T>|Shield<T>)|\bGetAwaiter\b", "Awaitable<T>"),
    (r"detail::NextAwaiter<T>", "Awaitable<std::optional<T>>"),
    (r"detail::ScopedAwaiter<(\w+)>", r"Awaitable<Guard<\1>>"),
    (r"detail::(?:EventAwaiter|ConditionAwaiter)", "Awaitable<bool>"),
    (r"detail::PredicateAwaiter<Predicate>", "Awaitable<std::invoke_result_t<Predicate&>>"),
    (r"detail::BarrierAwaiter", "Awaitable<int>"),
    (r"detail::LockAll<sizeof...\(Locks\)>", "Awaitable<LockAllGuard<sizeof...(Locks)>>"),
    (r"\bGetManyAwaiter\b", "Awaitable<std::vector<T>>"),
    (r"detail::(?:PermitAwaiter|YieldAwaiter|SleepAwaiter)|\bPutAwaiter\b|\bPutMany<std::vector<T>&?>|TicketAwaiter<\w+>",
     "Awaitable<void>"),
    (r"detail::OrMonostate<T>", "std::conditional_t<std::is_void_v<T>, std::monostate, T>"),
    (r"Coro<detail::BodyResult<Body, \w+&>>", "Coro<ResultOfBody>"),
    (r" noexcept\($|^    detail::exact_duration<Rep>\) \{", " {"),
    (r"\bdetail::(BasicQueue|Guard|Awaitable|RangeOfTasks)\b", r"\1"),
]
# A constructor or conversion from the library's own types, in one line.
INTERNAL = re.compile(
    r"^    (?:explicit )?\w+\((?:detail::|std::coroutine_handle|Primitive& held|(?:const )?std::array).*\{.*$")
# Tells overloads apart; the comments do that for readers.
OVERLOAD = re.compile(r"^ *requires\(!detail::is_\w+<std::remove_cvref_t<A>>\)$")
NOLINT = re.compile(r"^ *// NOLINT")
FORBIDDEN = re.compile(r"^    [^/(]*\([^()]*\)[^()]*= (?:delete|default);$")
MOVE = re.compile(r"^    (\w+|(\w+)& operator=)\((?:\1|\2)&& other\)")


def interface(path, text):
    if path.name == "basic_queue.hpp":
        head, _, rest = text.partition("/// What the queues have in common")
        text = "namespace heddle {\n" + "\n" * head.count("\n") + "/// What the queues have in common" + rest
        # The awaiters' definitions, up to the first member function.
        text = re.sub(r"    class \[\[nodiscard.*?(?=    /// maxsize)|^protected:.*?(?=^private:)", "", text,
                      flags=re.DOTALL | re.MULTILINE)
    if path.name == "guard.hpp":
        text = text.partition("/// co_await gives the guard.")[0].replace("heddle::detail", "heddle") + "}\n"
    return text


def main():
    path = pathlib.Path(sys.argv[1])
    lines = interface(path, path.read_text(encoding="utf-8")).split("\n")
    for line in lines:
        if any(rule.match(line) for rule in (INTERNAL, FORBIDDEN, OVERLOAD, NOLINT)):
            line = ""
        if MOVE.match(line):
            line = "    /** Takes over what `other` has. */" + line
        for pattern, shown in AWAITABLES:
            line = re.sub(pattern, shown, line)
        print(line)


if __name__ == "__main__":
    main()
