#!/usr/bin/env python3
"""Searches the protocol models, several at a time, as runs.txt says. A model that is right must have no error, and each
damaged one must have one: that is how one knows that the model can see something.

    run.py [--short | --deep] [--jobs N] [--list] [prefix...]     prefixes of "model flags", for example: condition
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "explorer"))
import mutants  # noqa: E402

TIERS = ("short", "full", "deep")
OWN = {"bitstate", "random", "bound", "mutant", "cap"}  # flags that are not for the model
MEMORY_MB = {"short": 1500, "full": 3000, "deep": 10000}
LIMIT_S = {"short": 300, "full": 900, "deep": 3600}


@dataclass
class Run:
    when: str
    expect: str
    model: str
    flags: list

    @property
    def title(self):
        return f"{self.model} {' '.join(self.flags)}"

    def option(self, name):
        for flag in self.flags:
            key, _, value = flag.partition("=")
            if key == name:
                return value or True
        return None

    def defines(self):
        return ["-D" + flag for flag in self.flags if flag.partition("=")[0] not in OWN]


def read_runs():
    runs = []
    for number, line in enumerate((HERE / "runs.txt").read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 3 or words[0] not in TIERS or words[1] not in ("ok", "fails") or not (HERE / words[2]).exists():
            sys.exit(f"runs.txt:{number}: what is '{line}'?")
        runs.append(Run(words[0], words[1], words[2], words[3:]))
    return runs


def output_of(command, folder, limit):
    """(text, stopped): SPIN's searches say how far they came when they are interrupted."""
    process = subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return process.communicate(timeout=limit)[0], False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=30)[0], True
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], True


def built(command, folder):
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(next((line for line in done.stdout.splitlines() if "rror" in line), done.stdout[:200]))


def spin(run, folder, memory, limit):
    """(error or None, how much was searched, whether that was all)"""
    built(["spin", "-a", *run.defines(), str(HERE / run.model)], folder)
    state = ["-DBITSTATE"] if run.option("bitstate") else ["-DCOLLAPSE"]
    optimise = "-O0" if run.expect == "fails" else "-O2"  # those with an error are over before a compiler pays
    built(["cc", optimise, "-w", "-DSAFETY", "-DVECTORSZ=4096", f"-DMEMLIM={memory}", *state, "-o", "pan", "pan.c"], folder)
    # -E: in that model a party may sleep at the end, and init judges whether it should
    extra = ["-E"] if run.model in ("barrier_seats.pml", "condition.pml") else []
    extra += ["-w31"] if run.option("bitstate") else []
    text, stopped = output_of(["./pan", "-m1000000", *extra], folder, limit)
    states = re.search(r"^\s*([\d.e+]+) states, stored", text, re.M)
    errors = re.search(r"errors: (\d+)", text)
    if not states or not errors:
        raise RuntimeError(" ".join(text.split())[:200] or "no output")
    error = None
    if errors[1] != "0":
        found = re.search(r"^pan:\d+: (.*?)( \(at depth \d+\))?$", text, re.M)
        error = found[1] if found else "error"
    cut = stopped or "max search depth too small" in text or "out of memory" in text or "pan: reached -DMEMLIM" in text
    return error, f"{int(float(states[1])):,} states", not cut and not run.option("bitstate")


def relacy(run, folder, limit):
    include = [f"-I{HERE / 'alias'}", f"-I{ROOT / 'include'}", f"-I{ROOT / 'lib'}"]
    if name := run.option("mutant"):
        mutant = next((m for m in mutants.read_mutants(mutants.HERE / "mutants.txt") if m.name == name), None)
        if mutant is None:
            raise RuntimeError(f"no mutant {name}")
        target = Path(folder) / mutant.file
        target.parent.mkdir(parents=True)
        target.write_text(mutants.mutated(mutant))
        include[:0] = [f"-I{Path(folder) / 'include'}", f"-I{Path(folder) / 'lib'}"]
    # Relacy replaces the unsized operator delete only; its headers are full of warnings.
    built(["g++", "-std=c++20", "-O1", "-w", "-DNDEBUG", "-fno-sized-deallocation", "-DHEDDLE_RING_SIZE=4",
           "-DHEDDLE_FORK_SLOTS=2", *run.defines(), *include, str(HERE / run.model), "-o", "test"], folder)
    bound = run.option("bound")
    text, stopped = output_of(["./test", *(["bound", bound] if bound else ["random", run.option("random")])], folder, limit)
    result = re.search(r"^result: (.*) after (\d+) executions", text, re.M)
    if stopped and not result:
        return None, "stopped", False
    if not result:
        raise RuntimeError(" ".join(text.split())[-200:] or "no output")
    return None if result[1] == "ok" else result[1].lower(), f"{int(result[2]):,} executions", bool(bound)


def perform(run, tier):
    begin = time.monotonic()
    folder = tempfile.mkdtemp(prefix="heddle-model-")
    try:
        cap = run.option("cap")
        limit = float(cap or LIMIT_S[tier])
        search = spin(run, folder, MEMORY_MB[tier], limit) if run.model.endswith(".pml") else relacy(run, folder, limit)
        error, amount, complete = search
        if run.expect == "fails":
            good, verdict = error is not None, error or "NO ERROR FOUND"
        else:
            good, verdict = error is None, error or ("no error" if complete else "no error, sampled" if run.option("random") else "no error, partial")
        if good and run.expect == "ok" and not complete and not (cap or run.option("bitstate") or run.option("random")):
            good, verdict = False, "NOT COMPLETE: out of time or memory"
    except RuntimeError as problem:
        good, verdict, amount = False, f"BROKEN: {problem}", ""
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return good, verdict, amount, time.monotonic() - begin


def missing_tools(runs):
    """Runs whose tools are here; says what is not and how to get it."""
    tools = []
    if any(r.model.endswith(".pml") for r in runs) and not (shutil.which("spin") and shutil.which("cc")):
        tools.append((".pml", "spin", "apt-get install spin gcc"))
    if any(r.model.endswith(".cpp") for r in runs) and not (Path("/usr/include/relacy").exists() and shutil.which("g++")):
        tools.append((".cpp", "Relacy", "apt-get install relacy-dev g++"))
    for suffix, name, how in tools:
        count = sum(r.model.endswith(suffix) for r in runs)
        print(f"skipped: {count} searches that need {name} ({how})")
        runs = [r for r in runs if not r.model.endswith(suffix)]
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="small bounds: what CI runs")
    parser.add_argument("--deep", action="store_true", help="also what takes long, or is cut off by time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tier = "deep" if options.deep else "short" if options.short else "full"
    runs = [r for r in read_runs() if TIERS.index(r.when) <= TIERS.index(tier)]
    if options.names:
        runs = [r for r in runs if any(r.title.startswith(n) for n in options.names)]
    if options.list:
        print("\n".join(f"{r.when:5} {r.expect:5} {r.title}" for r in runs))
        return 0
    if not runs:
        sys.exit("no such search; see --list")
    begin = time.monotonic()
    runs = missing_tools(runs)
    bad = 0
    # Those with errors are over soon: the long ones go first.
    runs.sort(key=lambda r: (r.expect == "fails", -TIERS.index(r.when)))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(perform, r, tier): r for r in runs}
        for done in concurrent.futures.as_completed(running):
            good, verdict, amount, took = done.result()
            run = running[done]
            bad += not good
            print(f"{'   ' if good else 'BAD'} {run.expect:5} {run.title:62} {amount:>22} {took:5.0f} s  {verdict}", flush=True)
    right = sum(r.expect == "ok" for r in runs)
    print(f"protocols: {right} searches without error expected, {len(runs) - right} with: {bad} not as expected, "
          f"{time.monotonic() - begin:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
