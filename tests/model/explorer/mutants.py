#!/usr/bin/env python3
"""Damages the shipped lock-free code in one place at a time and asks whether the explorer notices.

A mutant that survives means that a scenario is missing, or that the code asks for more than it needs. mutants.txt has
them: a name, the file, which scenarios are to find it (prefixes of their names), and what is replaced by what. The
text to be replaced must occur exactly once.

    mutants.py --build build/release [--seconds S] [--jobs N] [--short] [--list] [name...]
"""

import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "tests" / "model" / "explorer"

# For CI: one of each part, each of which dies at once and costs few objects.
SHORT = ["permits.abort_not_settled", "wait_queue.settle_forgets", "epoch.grace_of_one", "event.set_relaxed",
         "latch.last_wakes_nobody", "barrier.count_ignores_generation", "condition.cancelled_swallows_notify",
         "queue.never_sealed", "ring.push_relaxed", "idle.no_torch", "parker.forgets_notification", "timer.fires_cancelled",
         "group.unlocked_count"]


@dataclass
class Mutant:
    name: str
    file: str = ""
    scenarios: list = field(default_factory=list)
    changes: list = field(default_factory=list)  # (old, new)


def read_mutants(path):
    """Blocks that are separated by empty lines: name, file, run, then - and + lines (consecutive ones are one text)."""
    mutants = []
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        mutant = Mutant(lines[0].removeprefix("name: "))
        old, new = [], []

        def add():
            if old:
                mutant.changes.append(("\n".join(old), "\n".join(new)))

        for line in lines[1:]:
            if line.startswith("file: "):
                mutant.file = line[6:]
            elif line.startswith("run: "):
                mutant.scenarios = line[5:].split()
            elif line.startswith("-"):
                if new:
                    add()
                    old, new = [], []
                old.append(line[2:])
            elif line.startswith("+"):
                new.append(line[2:])
            else:
                sys.exit(f"{path.name}: what is '{line}'?")
        add()
        if not (mutant.file and mutant.scenarios and mutant.changes):
            sys.exit(f"{path.name}: '{mutant.name}' is not complete")
        mutants.append(mutant)
    return mutants


def replace_once(text, old, new, where):
    """Finds `old` in `text` whatever the white space and the comments between its words are."""
    tokens = re.findall(r"\w+|[^\w\s]", old)
    gap = r"(?:\s|//[^\n]*\n)*"
    found = list(re.finditer(gap.join(re.escape(token) for token in tokens), text))
    if len(found) != 1:
        raise ValueError(f"{where}: '{old.strip()}' occurs {len(found)} times")
    return text[: found[0].start()] + new + text[found[0].end() :]


def mutated(mutant):
    text = (ROOT / mutant.file).read_text()
    for old, new in mutant.changes:
        text = replace_once(text, old, new, f"{mutant.name} ({mutant.file})")
    return text


class Build:
    """How the explorer was built: commands and dependencies of its objects."""

    def __init__(self, directory):
        self.directory = directory.resolve()
        subprocess.run(["ninja", "-C", str(self.directory), "heddle_explorer"], check=True, stdout=subprocess.PIPE)
        database = json.loads(self.ask("compdb"))
        self.commands = {e["output"]: e["command"] for e in database if "/heddle_explored.dir/" in e["output"]}
        self.own = [str(self.directory / e["output"]) for e in database
                    if "/heddle_explorer.dir/" in e["output"] and e["output"].endswith(".o")]
        self.needs = {}
        current = None
        for line in self.ask("deps").splitlines():
            if line and not line.startswith(" "):
                current = line.split(":")[0]
            elif line.strip() and current in self.commands:
                self.needs.setdefault(current, set()).add(os.path.realpath(self.directory / line.strip()))
        # ninja -t compdb lists what is in build.ninja; what is stale there has no dependencies.
        self.commands = {o: c for o, c in self.commands.items() if o in self.needs}

    def ask(self, tool):
        return subprocess.run(["ninja", "-t", tool], cwd=self.directory, check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def scenario_files(prefixes):
    """The files that register scenarios with these prefixes."""
    files = set()
    for path in sorted((HERE / "scenarios").glob("*.cpp")):
        names = re.findall(r'Register \w+\{\s*\{\s*"([^"]+)"', path.read_text())
        if any(name.startswith(prefix if "." in prefix else prefix + ".") for name in names for prefix in prefixes):
            files.add(path.name)
    return files


local = threading.local()
numbers = iter(range(1 << 20))
lock = threading.Lock()


def tree(build):
    """A copy of the sources for this thread."""
    if not hasattr(local, "tree"):
        with lock:
            local.tree = build.directory / "mutants" / str(next(numbers))
        for part in ("include", "lib", "tests/model/explorer"):
            shutil.rmtree(local.tree / part, ignore_errors=True)
            shutil.copytree(ROOT / part, local.tree / part)
    return local.tree


def try_mutant(build, mutant, seconds):
    """(verdict, detail): killed, SURVIVED or BROKEN."""
    begin = time.monotonic()
    try:
        text = mutated(mutant)
    except ValueError as error:
        return "BROKEN", str(error), 0
    copy = tree(build)
    original = (ROOT / mutant.file).read_text()
    target = copy / mutant.file
    target.write_text(text)
    try:
        files = scenario_files(mutant.scenarios)
        if not files:
            return "BROKEN", "no such scenario", 0
        objects = []
        environment = dict(os.environ, CCACHE_DISABLE="1")

        def compile_here(output, command, source=None):
            """One object with the damaged sources instead of the right ones; a message if that fails."""
            mine = copy / "objects" / output
            mine.parent.mkdir(parents=True, exist_ok=True)
            words = [word.replace(str(ROOT) + "/include", str(copy / "include"))
                     .replace(str(ROOT) + "/lib", str(copy / "lib"))
                     .replace(str(ROOT) + "/tests/model/explorer", str(copy / "tests/model/explorer"))
                     for word in shlex.split(command)]
            words[words.index("-o") + 1] = str(mine)
            words[words.index("-MF") + 1] = str(mine) + ".d"
            if source is not None:
                words[words.index("-c") + 1] = str(source)
            words = [w for w in words if w != "-Werror"] + ["-w"]
            done = subprocess.run(words, cwd=build.directory, env=environment, text=True, stderr=subprocess.PIPE)
            objects.append(str(mine))
            return done.stderr.strip().splitlines()[0] if done.returncode != 0 else None

        together = []  # sources of the library that need no options of their own: compiled as one
        for output, command in build.commands.items():
            source = output.rsplit("/", 1)[1].removesuffix(".o")
            if "/scenarios/" in output and source not in files:
                continue
            if str(ROOT / mutant.file) not in build.needs[output]:
                objects.append(str(build.directory / output))
                continue
            if "/lib/" in output and source != "parker_linux.cpp":
                together.append((output, command))
            elif (error := compile_here(output, command)) is not None:
                return "BROKEN", error, time.monotonic() - begin
        if together:
            output, command = together[0]
            one = copy / "objects" / "together.cpp"
            one.parent.mkdir(parents=True, exist_ok=True)
            words = [shlex.split(c) for _, c in together]
            sources = [w[w.index("-c") + 1].replace(str(ROOT) + "/lib", str(copy / "lib")) for w in words]
            one.write_text("".join(f'#include "{source}"\n' for source in sources))
            if (error := compile_here(output, command, one)) is not None:
                return "BROKEN", error, time.monotonic() - begin
        program = str(copy / "mutant")
        compiler = next(w for w in shlex.split(next(iter(build.commands.values()))) if "clang++" in w)
        subprocess.run([compiler, "-no-pie", "-fuse-ld=lld", *objects, *build.own, "-o", program], check=True)
        for limit in (0.05, seconds):  # most die at once
            arguments = [program, *mutant.scenarios, "--quiet", "--first", "--seconds", str(limit)]
            try:
                done = subprocess.run(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=300 + 60 * limit)
            except subprocess.TimeoutExpired:
                return "killed", "does not end", time.monotonic() - begin
            if done.returncode != 0:
                break
        else:
            return "SURVIVED", " ".join(mutant.scenarios), time.monotonic() - begin
        lines = done.stdout.strip().splitlines()
        detail = lines[0] if lines else f"signal {-done.returncode}"
        return "killed", detail, time.monotonic() - begin
    finally:
        target.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--seconds", type=float, default=2, help="per scenario and strategy")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--short", action="store_true", help="a sample, as in CI")
    parser.add_argument("names", nargs="*", help="those that begin so; none: all")
    options = parser.parse_args()
    mutants = [m for m in read_mutants(HERE / "mutants.txt")
               if not options.names or any(m.name.startswith(n) for n in options.names)]
    if options.short:
        mutants = [m for m in mutants if m.name in SHORT]
        if not options.names and len(mutants) != len(SHORT):
            sys.exit(f"mutants.txt lacks {sorted(set(SHORT) - {m.name for m in mutants})}")
    if options.list:
        for mutant in mutants:
            print(f"{mutant.name:36} {mutant.file}")
        return 0
    if not mutants:
        sys.exit("no such mutant; see --list")
    build = Build(options.build)
    alive = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(try_mutant, build, m, options.seconds): m for m in mutants}
        for done in concurrent.futures.as_completed(running):
            verdict, detail, took = done.result()
            alive += verdict != "killed"
            print(f"{verdict:9} {running[done].name:36} {took:5.0f} s  {detail}", flush=True)
    print(f"{len(mutants)} mutants, {alive} not killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
