#!/usr/bin/env python3
"""Builds heddle and the peers that are installed, runs the same work with all of them, and prints ratios.

    compare.py [--only GROUP|WORK] [--rounds N] [--peers a,b] [--json FILE] [--calm] [--build DIR]
"""
import argparse
import pathlib
import sys

from comparison import measure, peers, report, works

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", metavar="GROUP", help="fork-join, channel, primitives, spawn (or A B C D), or a work")
    parser.add_argument("--rounds", type=int, default=5, help="runs of which the median counts (5)")
    parser.add_argument("--peers", help="only these, separated by commas; heddle always runs")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the medians and spreads there")
    parser.add_argument("--calm", action="store_true",
                        help="wait before each run until others leave the machine alone, repeat disturbed runs")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help="a configured CMake folder")
    arguments = parser.parse_args()

    names = list(peers.BUILDERS)
    if arguments.peers is not None:
        wanted = arguments.peers.split(",")
        if unknown := set(wanted) - set(names):
            parser.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(names)}")
        names = ["heddle", *(name for name in names if name in wanted and name != "heddle")]
    chosen = works.chosen(arguments.only)
    needed = [name for name in names if any(name in work.calls for work in chosen)]
    commands = peers.build_all(needed, arguments.build.resolve())
    runs, others_share = measure.measure(chosen, commands, arguments.rounds, arguments.calm)
    report.print_report(chosen, runs, arguments.rounds, others_share)
    if arguments.json is not None:
        report.write_json(arguments.json, runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
