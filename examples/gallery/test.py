#!/usr/bin/env python3
"""Runs the programs of the gallery and checks what they print and that they take their time.

    test.py PROGRAM                                                   the test: all of them, on 1, 2 and 4 workers
    test.py PROGRAM --table [--time-scale X] [--workers N] [NAME...]   these, or all, with a line each

With one worker the output must be exactly NAME.expected, which is what asyncio prints; with more it must be one of the
set in NAME.orders (orders.py tells how to read it), or the same if there is no such file. No program may be faster than
its original.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import unittest

from orders import Orders, exactly

HERE = pathlib.Path(__file__).resolve().parent
WORKERS = (1, 2, 4)
TEST_SCALE = 0.01
# The order of two sleepers is a claim about time: where it does not hold on a machine that was busy with something
# else, the program gets more time.
RETRY_FACTORS = (1, 5, 25, 100)
# Set where the library was built with HEDDLE_FORCE_SUSPEND.
ANY_ORDER = "GALLERY_ANY_ORDER" in os.environ
PROGRAM = None


class Gallery:
    """The programs of the executable, with what they should print."""

    def __init__(self):
        text = subprocess.run([PROGRAM, "--list"], capture_output=True, text=True, check=True, timeout=60).stdout
        self.seconds = {name: float(seconds) for name, seconds in map(str.split, text.splitlines())}

    @staticmethod
    def expected(name):
        return (HERE / f"{name}.expected").read_text(encoding="utf-8")

    def orders(self, name):
        path = HERE / f"{name}.orders"
        return Orders(path.read_text(encoding="utf-8")) if path.exists() else exactly(self.expected(name))

    def run(self, name, workers, scale):
        """Its complaints, how long it took, and whether more time might help."""
        command = [PROGRAM, "--elapsed", "--workers", str(workers), "--time-scale", str(scale), name]
        try:
            result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        except subprocess.TimeoutExpired as error:
            return [f"did not end; printed {error.stdout}"], 0, False
        if result.returncode != 0:
            return [f"ended with {result.returncode}: {result.stderr}"], 0, False
        orders = self.orders(name)
        in_set, exact = orders.complaint(result.stdout), None
        if workers == 1 and not ANY_ORDER:
            exact = exactly(self.expected(name)).complaint(result.stdout)
        elapsed = float(result.stderr)
        complaints = [f"{what}: {complaint}\n{result.stdout}"
                      for what, complaint in (("orders", in_set), ("asyncio's order", exact)) if complaint]
        if elapsed < self.seconds[name]:
            complaints.append(f"took {elapsed:.3f} s, less than {self.seconds[name]} s")
        timing = bool(complaints) and elapsed >= self.seconds[name] and (in_set is None or orders.timed)
        return complaints, elapsed, timing

    def check(self, name, workers, scale):
        complaints, elapsed = [], 0
        for factor in RETRY_FACTORS:
            complaints, elapsed, timing = self.run(name, workers, scale * factor)
            if not timing:
                break
            print(f"{name}, {workers} workers, time scale {scale * factor:g}: {complaints[0]}", file=sys.stderr)
        return complaints, elapsed


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gallery = Gallery()

    def test_each_on_one_and_more_workers(self):
        runs = [(name, workers) for workers in WORKERS for name in self.gallery.seconds]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for run, (complaints, _) in zip(runs, pool.map(lambda run: self.gallery.check(*run, TEST_SCALE), runs)):
                with self.subTest(program=run[0], workers=run[1]):
                    self.assertEqual(complaints, [])

    def test_files_belong_to_programs(self):
        def names(pattern):
            return {path.relative_to(HERE).with_suffix("").as_posix() for path in HERE.glob(pattern)}

        self.assertEqual(names("*/*.cpp"), set(self.gallery.seconds))
        self.assertEqual(names("*/*.expected"), set(self.gallery.seconds))
        self.assertLessEqual(names("*/*.orders"), set(self.gallery.seconds))

    def test_time_scale(self):
        fast, slow = (self.gallery.run("barrier/three_workers", 2, scale)[1] for scale in (0.01, 0.1))
        self.assertGreaterEqual(fast, 1.5)
        self.assertGreaterEqual(slow, 1.5)

    def test_wrong_options(self):
        for options in (["no/such"], ["--time-scale", "0"], ["--time-scale", "x"], ["--workers"], ["--workers", "-1"],
                        ["--strange"]):
            with self.subTest(options=options):
                result = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertTrue(result.stderr.startswith("gallery: "))


class Sets(unittest.TestCase):
    """orders.py and the .orders files: what they accept and what they refuse."""

    def check(self, text, accepted, refused):
        orders = Orders(text)
        for lines, ok in [(lines, True) for lines in accepted] + [(lines, False) for lines in refused]:
            with self.subTest(lines=lines):
                self.assertEqual(orders.complaint("".join(f"{line}\n" for line in lines.split())) is None, ok)

    def test_blocks(self):
        self.check("| a\n| b\n", ["a b"], ["", "a", "b a", "a b b", "a b c"])
        self.check("parallel\n  | a\n  seq\n    | b\n    | c\n", ["a b c", "b a c", "b c a"], ["c b a", "b c", "a b b c"])
        self.check("either\n  | a\n  seq\n    | a\n    | b\n", ["a", "a b"], ["", "b", "a b a"])
        self.check("parallel each n 1 2 3\n  | in{n}\n  | out{n}\n", ["in1 in2 in3 out2 out3 out1"], ["in1 in2 in3 out1"])
        self.check("parallel 2 each n 1 2 3\n  | in{n}\n  | out{n}\n",
                   ["in1 in3 out1 in2 out2 out3", "in2 out2 in1 out1 in3 out3"], ["in1 in2 in3 out1 out2 out3"])
        self.check("either each x,y 1,2 2,1\n  | {x}\n  | {y}\n", ["1 2", "2 1"], ["1 1", "2 2"])

    def test_rules(self):
        self.check("parallel\n  | a\n  | b\na => b\n", ["a b"], ["b a"])
        self.check("parallel\n  | a1\n  | a2\n  | b\neach n 1 2\n  b => a{n}\n", ["b a1 a2"], ["a1 b a2", "a1 a2 b"])

    def test_placeholders(self):
        self.check("| x<1.5+>y\n", ["x1.5y", "x2y"], ["x1.49y", "xy", "x-2y"])
        self.check("| <1..3>\n", ["1", "3"], ["0", "4", "2.0"])
        self.check("| <a|bc>\n", ["a", "bc"], ["b", "abc"])

    def test_asyncio_order_is_in_each_set(self):
        gallery = Gallery()
        for name in gallery.seconds:
            with self.subTest(program=name):
                lines = gallery.expected(name).replace("+>", "").replace("<", "").splitlines(keepends=True)
                self.assertIsNone(gallery.orders(name).complaint("".join(lines)))
                self.assertIsNotNone(gallery.orders(name).complaint("".join(lines[:-1])))
                self.assertIsNotNone(gallery.orders(name).complaint("".join(lines + lines[-1:])))


def table(names, workers, scale):
    gallery = Gallery()
    names = names or list(gallery.seconds)
    if unknown := set(names) - set(gallery.seconds):
        sys.exit(f"no program {', '.join(sorted(unknown))}; there are {' '.join(gallery.seconds)}")
    print(f"{'program':28} {'expected':>10} {'measured':>10}")
    failed = 0
    # They sleep most of their time, so many run side by side.
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        checks = pool.map(lambda name: gallery.check(name, workers, scale), names)
        for name, (complaints, elapsed) in zip(names, checks):
            failed += bool(complaints)
            print(f"{name:28} {gallery.seconds[name]:8.2f} s {elapsed:8.2f} s  {'FAILED' if complaints else 'ok'}", flush=True)
            for complaint in complaints:
                print(complaint)
    print(f"{len(names) - failed} of {len(names)} ok")
    return failed != 0


def main():
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="PROGRAM", type=os.path.abspath)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("names", metavar="NAME", nargs="*")
    arguments = parser.parse_intermixed_args()
    PROGRAM = arguments.program
    if arguments.table:
        return table(arguments.names, arguments.workers, arguments.time_scale)
    return not unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
