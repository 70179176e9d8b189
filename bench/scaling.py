#!/usr/bin/env python3
"""More workers than cores: nothing collapses, nothing hangs, and few system calls.

Runs works of heddle_peer with 1, 2, 8, 32 and 128 workers, in turn, and prints the medians of the time per operation,
the ratio to two workers, and how many futex wake-ups the whole run made. Then the CPU time of a runtime that has
nothing to do. `./dev scaling` builds and runs it.
"""
import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

RESULT = re.compile(r"RESULT .*?ops=(\d+) ns=([\d.]+) .*wakes=(\d+)")
# Ten times what compare.py runs where a run takes some 30 ms: starting 128 threads on two cores takes 15 to 20.
WORKS = {
    "mutex_cont": (1000, 10_000), "mutex_hold": (1000, 10_000), "sem": (1000, 10_000), "yield": (1000, 10_000),
    "bcast": (), "barrier": (100, 100_000), "pp_notify": (), "chan": (4, 4, 10_000_000), "await_seq": (),
    "spawn_all": (), "fib": (34,),
}
IDLE_SECONDS = 3


def run(program, work, workers, numbers):
    command = [program, work, str(workers), *map(str, numbers)]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, timeout=300)
    match = RESULT.search(done.stdout)
    if done.returncode != 0 or match is None:
        sys.exit(f"scaling: {' '.join(command)}: status {done.returncode}")
    return float(match.group(2)), int(match.group(3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build/release"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", default="1,2,8,32,128")
    parser.add_argument("works", nargs="*", help="some of: " + " ".join(WORKS))
    options = parser.parse_args()
    program = options.build / "bench" / "app" / "heddle_peer"
    workers = [int(n) for n in options.workers.split(",")]
    print(f"{'ns per operation':12}" + "".join(f"{n:>22}" for n in workers))
    slowest = 0.0
    for work in options.works or WORKS:
        runs = {n: [] for n in workers}
        for _ in range(options.rounds):
            for n in workers:
                runs[n].append(run(program, work, n, WORKS[work]))
        two = statistics.median(ns for ns, _ in runs.get(2, runs[workers[0]]))
        cells = []
        for n in workers:
            ns = statistics.median(ns for ns, _ in runs[n])
            wakes = statistics.median(wakes for _, wakes in runs[n])
            slowest = max(slowest, ns / two if n > 2 else 0)
            cells.append(f"{ns:.4g} ({ns / two:.2f}, {wakes:.0f} w)")
        print(f"{work:16}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
    print(f"(ratio to two workers, futex wake-ups of the run); slowest with more workers: {slowest:.2f}")
    done = subprocess.run([program, "idle", str(workers[-1]), str(IDLE_SECONDS)], text=True, stdout=subprocess.PIPE)
    print(done.stdout.split("RESULT")[0].strip())


if __name__ == "__main__":
    main()
