"""Runs the programs, one process per run, interleaved over peers and worker counts."""
import os
import re
import resource
import statistics
import subprocess
import sys
import time

RESULT = re.compile(r"RESULT .*?ns=([\d.]+) wall_us=(\d+) rss_kib=(\d+)")
TICKS = os.sysconf("SC_CLK_TCK")
CALM = 0.08       # others may use this share of the machine
LOOK = 0.15       # seconds of looking
PATIENCE = 90.0   # seconds of waiting for calm before one run


class Runs:
    """What the runs of one work, worker count and peer gave."""

    def __init__(self):
        self.ns, self.rss_kib = [], []

    def add(self, ns, rss_kib):
        self.ns.append(ns)
        self.rss_kib.append(rss_kib)

    @property
    def median(self):
        return statistics.median(self.ns)

    @property
    def spread(self):
        """Half of the range, as a part of the median."""
        return (max(self.ns) - min(self.ns)) / 2 / self.median

    @property
    def rss_mib(self):
        return statistics.median(self.rss_kib) / 1024


def busy_seconds():
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Others:
    """The share of the machine that others have used since it was made."""

    def __init__(self):
        self.start, self.busy, self.ours = time.monotonic(), busy_seconds(), self.our_seconds()

    @staticmethod
    def our_seconds():
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))

    def share(self):
        ours = self.our_seconds() - self.ours
        elapsed = max(time.monotonic() - self.start, 1e-3)
        return max(0.0, busy_seconds() - self.busy - ours) / elapsed / os.cpu_count()


def wait_for_calm():
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        others = Others()
        time.sleep(LOOK)
        if others.share() < CALM:
            return


def run_once(command):
    """(ns, rss_kib), or None when the program failed; it has then said why."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        print(f"compare: {' '.join(command)}: no end after 120 s", file=sys.stderr)
        return None
    match = RESULT.search(done.stdout)
    if done.returncode != 0 or match is None:
        print(f"compare: {' '.join(command)}: status {done.returncode} {done.stderr.strip()}", file=sys.stderr)
        return None
    return float(match.group(1)), int(match.group(3))


def run_calmly(command):
    """The same when others leave the machine alone; a run of some length that they disturbed is repeated."""
    for _ in range(5):
        wait_for_calm()
        others = Others()
        result = run_once(command)
        undisturbed = time.monotonic() - others.start < LOOK or others.share() < CALM
        if result is None or undisturbed:
            break
    return result


def measure(works, commands, rounds, calm=False):
    """{(work name, workers, peer): Runs}. A program that fails once is not asked again."""
    runs, once = {}, run_calmly if calm else run_once
    others = Others()
    for work in works:
        print(f"measuring {work.name}", flush=True)
        failed = set()
        for _ in range(rounds):
            for workers in work.workers:
                for peer, (workload, *numbers) in work.calls.items():
                    key = (work.name, workers, peer)
                    if peer not in commands or workers not in work.workers_of(peer) or key in failed:
                        continue
                    result = once([*commands[peer], workload, str(workers), *map(str, numbers)])
                    if result is None:
                        failed.add(key)
                        runs.pop(key, None)
                        continue
                    runs.setdefault(key, Runs()).add(*result)
    return runs, others.share()
