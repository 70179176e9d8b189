"""The works that are compared: what each peer's program is called with. bench/README.md defines them."""
import dataclasses

GROUPS = ("fork-join", "channel", "primitives", "spawn")
LETTERS = dict(zip("ABCD", GROUPS))


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    group: str
    op: str         # what the time is divided by
    calls: dict     # peer: (workload, numbers...)
    workers: tuple = (1, 2)
    reference: str = "tokio"

    def workers_of(self, peer):
        """asyncio has one thread; Asio's channel loses elements when several threads close it under way."""
        one = peer in ("asyncio", "uvloop") or (peer == "asio" and self.group == "channel")
        return tuple(n for n in self.workers if n == 1) if one else self.workers


def everywhere(workload, *peers, **other_numbers):
    """The same call for all `peers`, where no other numbers are given for one: slow peers do less of the same."""
    return {peer: (workload, *other_numbers.get(peer, ())) for peer in peers}


PYTHON = ("asyncio", "uvloop")
NATIVE = ("heddle", "tokio", "go")


def fork_join(name, number):
    return Work(name, "fork-join", "run", everywhere(name, "heddle", "tbb", heddle=(number,), tbb=(number,)),
                reference="tbb")


def channel(name, producers, consumers, capacity=1024):
    """Tokio's own channel has one consumer; async-channel takes its place where there are more."""
    ends, n = (producers, consumers), 10_000_000
    bounded = capacity > 0
    # Go and Asio have no channel without a bound.
    calls = {"heddle": ("chan", *ends, n, capacity),
             "async-channel": ("achan_b" if bounded else "achan_u", *ends, n, capacity)}
    if consumers == 1:
        calls["tokio"] = ("chan_b" if bounded else "chan_u", producers, n, capacity)
    if bounded:
        calls |= {"go": ("chan", *ends, n, capacity), "asio": ("chan", *ends, n // 10, capacity)}
    calls |= {peer: ("chan", *ends, n // 20, max(capacity, 0)) for peer in PYTHON}
    return Work(name, "channel", "element", calls, reference="tokio" if consumers == 1 else "async-channel")


WORKS = (
    fork_join("fib", 34),
    fork_join("skynet", 7),
    fork_join("nqueens", 13),
    fork_join("matmul", 1024),
    channel("chan_1p1c", 1, 1),
    channel("chan_4p1c", 4, 1),
    channel("chan_4p4c", 4, 4),
    channel("chan_unbounded_1p1c", 1, 1, 0),
    channel("chan_unbounded_4p4c", 4, 4, 0),
    Work("mutex_unc", "primitives", "section", everywhere("mutex_unc", *NATIVE, *PYTHON), workers=(1,)),
    Work("mutex_cont", "primitives", "section", everywhere("mutex_cont", *NATIVE, *PYTHON)),
    Work("mutex_hold", "primitives", "section", everywhere("mutex_hold", *NATIVE, *PYTHON, go=(1000, 100))),
    Work("sem", "primitives", "pass", everywhere("sem", *NATIVE, *PYTHON)),
    Work("yield", "primitives", "yield", everywhere("yield", *NATIVE, "asio", *PYTHON)),
    Work("bcast", "primitives", "waiter", everywhere("bcast", *NATIVE, *PYTHON)),
    Work("pingpong", "primitives", "round trip", everywhere("pp_notify", "heddle", "tokio", *PYTHON)),
    Work("pp_chan", "primitives", "round trip",
         everywhere("pp_chan", *NATIVE, "asio", *PYTHON, asio=(300_000,))),
    Work("pp_cross", "primitives", "round trip", everywhere("pp_cross", *NATIVE, go=(100_000,)), workers=(2,)),
    Work("barrier", "primitives", "arrival", everywhere("barrier", *NATIVE, *PYTHON)),
    Work("await_seq", "spawn", "task", everywhere("await_seq", *NATIVE, "asio", *PYTHON)),
    Work("spawn_all", "spawn", "task", everywhere("spawn_all", *NATIVE, "asio", *PYTHON)),
    Work("sleepers", "spawn", "task", everywhere("sleepers", *NATIVE, "asio", *PYTHON)),
)


def chosen(only):
    """The works of a group (its name or its letter), or one by its name; all without a choice."""
    if only is None:
        return WORKS
    group = LETTERS.get(only.upper(), only)
    works = [work for work in WORKS if group in (work.group, work.name)]
    if not works:
        names = ", ".join(work.name for work in WORKS)
        raise SystemExit(f"compare: no group or work '{only}'. Groups: {', '.join(GROUPS)} (A B C D); works: {names}")
    return works
