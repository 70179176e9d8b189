#!/usr/bin/env python3
"""asyncio and uvloop: `peer.py asyncio|uvloop WORKLOAD THREADS [numbers]`; THREADS is 1. Prints one line RESULT."""
import asyncio
import sys
import time

now = time.perf_counter


def high_water_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def report(ops, seconds):
    print(f"RESULT w={sys.argv[2]} t=1 ops={ops} ns={seconds * 1e9 / ops:.2f} wall_us={int(seconds * 1e6)} "
          f"rss_kib={high_water_kib()}")


async def together(coroutines, ops):
    start = now()
    await asyncio.gather(*coroutines)
    report(ops, now() - start)


async def mutex_unc(n=1_000_000):
    lock, x = asyncio.Lock(), 0
    start = now()
    for _ in range(n):
        async with lock:
            x += 1
    report(n, now() - start)


async def mutex_cont(tasks=1000, rounds=200, hold=False):
    lock, count = asyncio.Lock(), 0

    async def count_up():
        nonlocal count
        for _ in range(rounds):
            async with lock:
                count += 1
                if hold:
                    await asyncio.sleep(0)

    await together([count_up() for _ in range(tasks)], tasks * rounds)
    assert count == tasks * rounds


async def mutex_hold(tasks=1000, rounds=200):
    await mutex_cont(tasks, rounds, True)


async def sem(tasks=1000, rounds=200, permits=10):
    semaphore = asyncio.Semaphore(permits)

    async def pass_through():
        for _ in range(rounds):
            async with semaphore:
                await asyncio.sleep(0)

    await together([pass_through() for _ in range(tasks)], tasks * rounds)


async def yield_(tasks=1000, rounds=200):
    async def yield_often():
        for _ in range(rounds):
            await asyncio.sleep(0)

    await together([yield_often() for _ in range(tasks)], tasks * rounds)


async def bcast(n=100_000):
    event, waiting = asyncio.Event(), 0

    async def wait():
        nonlocal waiting
        waiting += 1
        await event.wait()

    tasks = [asyncio.ensure_future(wait()) for _ in range(n)]
    while waiting != n:
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    start = now()
    event.set()
    for task in tasks:
        await task
    report(n, now() - start)


async def pp_chan(n=100_000):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def echo():
        for _ in range(n):
            await back.put(await there.get())

    async def send():
        for i in range(n):
            await there.put(i)
            await back.get()

    await together([echo(), send()], n)


async def pp_notify(n=100_000):
    ping, pong = asyncio.Event(), asyncio.Event()

    async def answer():
        for _ in range(n):
            await ping.wait()
            ping.clear()
            pong.set()

    async def serve():
        for _ in range(n):
            ping.set()
            await pong.wait()
            pong.clear()

    await together([answer(), serve()], n)


async def barrier(tasks=100, phases=1000):
    meeting = asyncio.Barrier(tasks)

    async def meet():
        for _ in range(phases):
            await meeting.wait()

    await together([meet() for _ in range(tasks)], tasks * phases)


async def give(i):
    return i


async def await_seq(n=300_000):
    total = 0
    start = now()
    for i in range(n):
        total += await asyncio.ensure_future(give(i))
    report(n, now() - start)
    assert total == n * (n - 1) // 2


async def spawn_all(n=1_000_000):
    total = 0
    start = now()
    tasks = [asyncio.ensure_future(give(i)) for i in range(n)]
    for task in tasks:
        total += await task
    report(n, now() - start)
    assert total == n * (n - 1) // 2


async def sleepers(n=1_000_000, milliseconds=1000):
    async def doze():
        await asyncio.sleep(milliseconds / 1000)

    start = now()
    tasks = [asyncio.ensure_future(doze()) for _ in range(n)]
    for task in tasks:
        await task
    report(n, now() - start)


async def chan(producers=1, consumers=1, n=500_000, capacity=1024):
    queue, each = asyncio.Queue(capacity), n // producers

    async def produce(j):
        for i in range(each):
            await queue.put(j * each + i)

    async def consume():
        total = 0
        while (value := await queue.get()) is not None:
            total += value
        return total

    start = now()
    getting = [asyncio.ensure_future(consume()) for _ in range(consumers)]
    for task in [asyncio.ensure_future(produce(j)) for j in range(producers)]:
        await task
    for _ in range(consumers):
        await queue.put(None)
    total = sum([await task for task in getting])
    report(n, now() - start)
    assert total == n * (n - 1) // 2


WORKLOADS = {work.__name__.rstrip("_"): work for work in (
    mutex_unc, mutex_cont, mutex_hold, sem, yield_, bcast, pp_chan, pp_notify, barrier, await_seq, spawn_all,
    sleepers, chan)}


def main():
    if len(sys.argv) < 4 or sys.argv[2] not in WORKLOADS:
        print("workloads:", *WORKLOADS, file=sys.stderr)
        return 2
    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.install()
    asyncio.run(WORKLOADS[sys.argv[2]](*map(int, sys.argv[4:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
