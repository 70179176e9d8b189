#!/usr/bin/env python3
"""Writes asyncio_order_cases.hpp: random programs and the order in which CPython's asyncio runs them.

A program is the initial value of a semaphore, then what each task does, letter by letter:

    a r    acquire a Lock, release it if the task holds it
    s v    acquire, release the Semaphore, which may get more permits than it had
    w e c  wait for, set, clear an Event
    y      sleep(0)
    0..5   cancel that task

Each step writes task and letter when it is done; `!` is a CancelledError, `.` the end. What a cancelled task holds is
given back. Tasks that are still there after 60 rounds are cancelled in order of creation.

Left out are programs that reach a state which heddle does not have: something is free while its queue still holds
waiters that were woken or cancelled and have not run since. asyncio then lets nobody pass (SEM-16), or looks past the
cancelled ones (LOCK-17, SEM-09); heddle has handed over already, or passes on when the cancelled one runs.

    python3.13 asyncio_order.py > asyncio_order_cases.hpp
"""
import asyncio
import random

PROGRAMS = 190
ROUNDS = 60


async def body(number, letters, world, tasks, log):
    has_lock, permits = False, 0
    try:
        for letter in letters:
            if letter == "a":
                world.artefact |= not world.lock.locked() and bool(world.lock._waiters)
                await world.lock.acquire()
                has_lock = True
            elif letter == "r":
                if has_lock:
                    world.lock.release()
                    has_lock = False
            elif letter == "s":
                world.artefact |= world.semaphore._value > 0 and bool(world.semaphore._waiters)
                await world.semaphore.acquire()
                permits += 1
            elif letter == "v":
                release_permit(world)
                permits -= permits > 0
            elif letter == "w":
                await world.event.wait()
            elif letter == "e":
                world.event.set()
            elif letter == "c":
                world.event.clear()
            elif letter == "y":
                await asyncio.sleep(0)
            else:
                tasks[int(letter)].cancel()
            log.append(f"{number}{letter}")
        log.append(f"{number}.")
    except asyncio.CancelledError:
        log.append(f"{number}!")
        raise
    finally:
        if has_lock:
            world.lock.release()
        for _ in range(permits):
            release_permit(world)


def release_permit(world):
    world.artefact |= any(waiter.cancelled() for waiter in world.semaphore._waiters or ())
    world.semaphore.release()


class World:
    def __init__(self, permits):
        self.lock, self.event = asyncio.Lock(), asyncio.Event()
        self.semaphore = asyncio.Semaphore(permits)
        self.artefact = False


async def play(permits, programs):
    world, tasks, log = World(permits), [], []
    for number, letters in enumerate(programs):
        tasks.append(asyncio.create_task(body(number, letters, world, tasks, log)))
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass
    return None if world.artefact else "".join(log)


def program(rng, number, count):
    letters = []
    for _ in range(rng.randint(2, 9)):
        letter = rng.choice("aaarrrrsssvvvvvwwweeecyyyy" + ("x" if count > 1 else ""))
        if letter == "x":
            # Never itself: asyncio delivers that one trip through the ready queue later.
            letter = str(rng.choice([other for other in range(count) if other != number]))
        letters.append(letter)
    return "".join(letters)


def main():
    rng = random.Random(20240229)
    print("// Written by asyncio_order.py with CPython; see there.\n#pragma once\n")
    print("namespace heddle::test {\n")
    print("struct OrderCase {\n    const char* program;  // permits, then the tasks\n    const char* log;\n};\n")
    print("// clang-format off\ninline constexpr OrderCase asyncio_order_cases[] = {")
    found = 0
    while found < PROGRAMS:
        permits, count = rng.randint(0, 2), rng.randint(2, 6)
        programs = [program(rng, number, count) for number in range(count)]
        log = asyncio.run(play(permits, programs))
        if log is not None:
            found += 1
            print(f'    {{"{" ".join([str(permits), *programs])}",\n     "{log}"}},')
    print("};\n// clang-format on\n\n}  // namespace heddle::test")


main()
