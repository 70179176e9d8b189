#!/usr/bin/env python3
"""include_cost.py INCLUDE_DIR COMPILER: what each public header costs whoever includes it.

Counts the lines that remain after preprocessing. Most of them come from standard headers, so one new #include in a
small header shows here at once. The budgets are generous: they fail on a forgotten heavy header, not on growth.
"""
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Thousands of lines. For comparison, with GCC 12's library: <exception> 3, <coroutine> 4, <string> or <stdexcept> 19,
# <functional> 28, <chrono> 31, <thread> or <memory> 35, a header of oneTBB 75 to 85.
BUDGET = {"version": 1, "heddle": 150, "arena": 130, "priority_queue": 130, "stop_token": 80, "runtime": 80,
          "threads": 80, "sleep": 70, "timeout": 80, "gather": 80, "as_completed": 80, "race": 80,
          "wait": 80}
DEFAULT_BUDGET = 60


def cost(compiler, include_dir, header):
    command = [compiler, "-std=c++20", "-E", "-P", "-x", "c++", f"-I{include_dir}", str(header)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return header.stem, None, result.stderr
    return header.stem, sum(1 for line in result.stdout.splitlines() if line.strip()), ""


def main():
    include_dir, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    headers = sorted((include_dir / "heddle").glob("*.hpp"))
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for name, lines, error in pool.map(lambda header: cost(compiler, include_dir, header), headers):
            if lines is None:
                print(f"{name}.hpp cannot be included alone:\n{error}")
                failed += 1
                continue
            budget = BUDGET.get(name, DEFAULT_BUDGET) * 1000
            failed += lines > budget
            print(f"{name + '.hpp':24}{lines:8}  of {budget:7}{'  OVER BUDGET' if lines > budget else ''}")
    print(f"include cost: {len(headers)} headers, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
