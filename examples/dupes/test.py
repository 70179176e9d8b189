#!/usr/bin/env python3
"""Runs dupes on a tree made for it and compares what it finds with fdupes, with rdfind and with Python.

    test.py PROGRAM [--seed N]
"""
import argparse
import collections
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from tree import START, Tree, canonical, colliding, xxh128

WORKERS = (1, 2, 4)
PROGRAM = SEED = None
# Root reads everything, unless it is without these two capabilities.
PLAIN_USER = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def by_inode(groups):
    """Which of a file's names is shown differs between programs, so compare what the names stand for."""
    return {frozenset(os.lstat(path).st_ino for path in group) for group in groups}


def timed_run(command, **options):
    start = time.monotonic()
    result = subprocess.run(PLAIN_USER + command, capture_output=True, timeout=250, check=False, **options)
    return result, time.monotonic() - start


def split_paths(lines, root):
    """The paths in lines of output; a line that does not begin below `root` goes on with a name that has a newline."""
    paths = []
    for line in lines:
        if line.startswith(root):
            paths.append(line)
        else:
            paths[-1] += b"\n" + line
    return paths


def groups_of_text(text, root):
    return canonical(split_paths(block.split(b"\n"), root) for block in text.split(b"\n\n") if block)


def run_fdupes(root, *options):
    result, seconds = timed_run(["fdupes", "-r", "-q", *options, root])
    assert result.returncode == 0, result
    return groups_of_text(result.stdout, root), seconds


def run_rdfind(root, *options):
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "results.txt")
        result, seconds = timed_run(["rdfind", "-dryrun", "true", "-outputname", output, *options, root])
        assert result.returncode == 0, result
        lines = pathlib.Path(output).read_bytes().split(b"\n")
    # DUPTYPE_x id depth size device inode priority name; the id is negative in all lines of a group but its first
    groups = collections.defaultdict(list)
    number = None
    for line in lines:
        if line.startswith(b"DUPTYPE_"):
            fields = line.split(b" ", 7)
            number = abs(int(fields[1]))
            groups[number].append(fields[7])
        elif line and not line.startswith(b"#"):
            groups[number][-1] += b"\n" + line
    return canonical(groups.values()), seconds


def run_dupes(root, *options, workers=2, status=0):
    result, seconds = timed_run([PROGRAM, "--workers", str(workers), *options, root])
    assert result.returncode == status, result
    return result, seconds


def run_json(root, *options, workers=2):
    result, _ = run_dupes(root, "--json", *options, workers=workers)
    found = json.loads(result.stdout)
    found["groups"] = [{**group, "files": [os.fsencode(path) for path in group["files"]]} for group in found["groups"]]
    return found


def json_groups(found):
    return canonical(group["files"] for group in found["groups"])


class OnTree(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="dupes-test-")
        cls.tree = Tree(cls.folder, SEED)
        cls.root = cls.tree.root

    @classmethod
    def tearDownClass(cls):
        cls.tree.unlock()
        shutil.rmtree(cls.folder)

    def test_same_groups_as_the_others(self):
        everything, fdupes_time = run_fdupes(self.root)
        not_empty, rdfind_time = run_rdfind(self.root)
        rdfind_empty, _ = run_rdfind(self.root, "-ignoreempty", "false")
        expected = self.tree.groups()
        self.assertGreater(len(expected), 150)
        self.assertEqual(by_inode(everything), by_inode(expected))
        times = []
        for workers in WORKERS:
            with self.subTest(workers=workers):
                found = json_groups(run_json(self.root, workers=workers))
                self.assertEqual(found, expected)
                self.assertEqual(by_inode(found), by_inode(everything))
                self.assertEqual(by_inode(found), by_inode(rdfind_empty))
                found = json_groups(run_json(self.root, "--no-empty", workers=workers))
                self.assertEqual(found, self.tree.groups(empty=False))
                self.assertEqual(by_inode(found), by_inode(not_empty))
                times.append((workers, run_dupes(self.root, workers=workers)[1]))
        print("times on the tree of this test: " + ", ".join(
            [f"dupes with {workers} workers {seconds:.3f} s" for workers, seconds in times] +
            [f"fdupes {fdupes_time:.3f} s", f"rdfind {rdfind_time:.3f} s"]))

    def test_same_digest_is_not_enough(self):
        for size in (2000, START + 30_000):
            one, other = colliding(size)
            self.assertNotEqual(one, other)
            self.assertEqual(xxh128(one), xxh128(other))
            folder = self.root + b"/digest/%d" % size
            for workers in WORKERS:
                with self.subTest(size=size, workers=workers):
                    found = run_json(folder, workers=workers)["groups"]
                    names = [[os.path.basename(path) for path in group["files"]] for group in found]
                    self.assertEqual(names, [[b"0", b"1", b"2", b"3"], [b"4", b"5", b"6"]])

    def test_hardlinks(self):
        fdupes, _ = run_fdupes(self.root, "-H")
        rdfind, _ = run_rdfind(self.root, "-removeidentinode", "false")
        for workers in WORKERS:
            with self.subTest(workers=workers):
                found = run_json(self.root, "--hardlinks", workers=workers)
                self.assertEqual(json_groups(found), fdupes)
                self.assertEqual(json_groups(found), self.tree.groups(hardlinks=True))
                # Names of one inode waste nothing.
                only = next(group for group in found["groups"] if self.root + b"/links/only" in group["files"])
                self.assertEqual((len(only["files"]), only["wasted"]), (3, 0))
                found = run_json(self.root, "--hardlinks", "--no-empty", workers=workers)
                self.assertEqual(json_groups(found), rdfind)

    def test_unreadable(self):
        for workers in WORKERS:
            with self.subTest(workers=workers):
                result, _ = run_dupes(self.root, "--json", workers=workers)
                self.assertEqual(json.loads(result.stdout)["unreadable"], 2)
                self.assertEqual(result.stderr.splitlines(),
                                 [b"dupes: " + path + b": Permission denied" for path in sorted(self.tree.locked)])
        self.assertIn({self.root + b"/locked/a", self.root + b"/locked/b"}, json_groups(run_json(self.root)))

    def test_numbers(self):
        inodes = {status.st_ino: status.st_size for _, status in self.tree.files()}
        sizes = {path: status.st_size for path, status in self.tree.files()}
        expected = self.tree.groups()
        wasted = [(len(group) - 1) * sizes[next(iter(group))] for group in expected]
        locked = os.path.getsize(self.tree.locked[0])
        for workers in WORKERS:
            with self.subTest(workers=workers):
                found = run_json(self.root, workers=workers)
                self.assertEqual(found["files"], len(inodes) + 1)
                self.assertEqual(found["bytes"], sum(inodes.values()) + locked)
                self.assertEqual(found["group_count"], len(expected))
                self.assertEqual(found["duplicate_files"], sum(len(group) - 1 for group in expected))
                self.assertEqual(found["wasted_bytes"], sum(wasted))
                self.assertEqual(found["workers"], workers)
                self.assertGreater(found["seconds"], 0)
                self.assertEqual(os.fsencode(found["directory"]), self.root)
                for group in found["groups"]:
                    self.assertEqual({sizes[path] for path in group["files"]}, {group["size"]})
                    self.assertEqual(group["wasted"], group["size"] * (len(group["files"]) - 1))

    def test_order(self):
        texts = {run_dupes(self.root, workers=workers)[0].stdout.rpartition(b"\n\n")[0] for workers in WORKERS * 2}
        self.assertEqual(len(texts), 1)
        groups = run_json(self.root)["groups"]
        self.assertEqual(groups, sorted(groups, key=lambda group: (-group["wasted"], group["files"])))
        for group in groups:
            self.assertEqual(group["files"], sorted(group["files"]))

    def test_text(self):
        text = run_dupes(self.root)[0].stdout
        groups, _, summary = text.rpartition(b"\n\n")
        found = run_json(self.root)
        self.assertEqual(groups_of_text(groups, self.root), json_groups(found))
        numbers = ("{files} files, {mb:.1f} MB; {group_count} groups, {duplicate_files} duplicate files, "
                   "{wasted:.1f} MB wasted; {unreadable} unreadable; ").format(mb=found["bytes"] / 1e6, wasted=found["wasted_bytes"] / 1e6, **found)
        self.assertRegex(summary.decode(), "^" + numbers.replace(".", r"\.") + r"\d+\.\d{3} s, 2 workers\n$")

        self.assertEqual(run_dupes(self.root, "--summary")[0].stdout.count(b"\n"), 1)
        top = run_dupes(self.root, "--top=2", "--sizes")[0].stdout.split(b"\n\n")
        self.assertEqual(len(top), 3)
        for block, group in zip(top[:2], found["groups"]):
            self.assertEqual(block.split(b"\n"), [b"%d bytes each:" % group["size"], *group["files"]])
        largest = max(found["groups"], key=lambda group: len(group["files"]))
        few = run_dupes(self.root, "--names", "2")[0].stdout.split(b"\n\n")
        self.assertIn(b"%b\n%b\nand %d more" % (*largest["files"][:2], len(largest["files"]) - 2), few)
        self.assertEqual(run_json(self.root, "--top", "3")["groups"], found["groups"][:3])
        self.assertEqual(run_json(self.root, "--summary")["groups"], [])

    def test_few_open_files(self):
        for workers in WORKERS:
            with self.subTest(workers=workers):
                found = run_json(self.root, "--max-open", "2", workers=workers)
                self.assertEqual(json_groups(found), self.tree.groups())

    def test_directory_forms(self):
        def names_below(root, groups):
            return {tuple(os.path.relpath(path, root) for path in group["files"]) for group in groups}

        below = names_below(self.root, run_json(self.root)["groups"])
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(os.fsencode(folder), b"link")
            os.symlink(self.root, link)
            for root in (self.root + b"/", link, os.path.relpath(self.root)):
                groups = run_json(root)["groups"]
                self.assertEqual(names_below(root, groups), below)
                self.assertFalse([path for group in groups for path in group["files"] if b"//" in path])

    def test_progress(self):
        leader, terminal = pty.openpty()
        command = PLAIN_USER + [PROGRAM, "--summary", self.root]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, timeout=250, check=True)
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(leader, 4096):
                shown += piece
        except OSError:  # the end of a terminal
            pass
        os.close(leader)
        self.assertRegex(shown, rb"^\r\d+ files, \d+ of \d+ groups")
        self.assertIn(b"\r\x1b[K", shown)
        self.assertEqual(shown.count(b"Permission denied"), 2)
        self.assertEqual(result.stdout.count(b"\n"), 1)


class Alone(unittest.TestCase):
    def test_wrong_options(self):
        for options in (["--workers"], ["--workers", "0"], ["--workers", "x"], ["--workers=2x"], ["--workers="],
                        ["--workers", "-1"], ["--workers", "99999999999999999999"], ["--max-open", "1"], ["--names", "0"],
                        ["--top"], ["--json=1"], ["--nonsense"], ["-r"], ["/tmp", "/usr"], ["/no/such/directory"], [__file__],
                        ["--", "--json"]):
            with self.subTest(options=options):
                result, _ = timed_run([PROGRAM, *options])
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stdout, b"")
                self.assertRegex(result.stderr, rb"^dupes: .+\nTry 'dupes --help'\.\n$")

    def test_help(self):
        result, _ = timed_run([PROGRAM, "--help"])
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        for word in (b"--workers", b"--json", b"--max-open", b"--hardlinks", b"--no-empty", b"/usr/include",
                     b"Symbolic"):
            self.assertIn(word, result.stdout)

    def test_nothing_to_find(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run_json(folder)["groups"], [])
            self.assertRegex(run_dupes(folder)[0].stdout, rb"^0 files, 0\.0 MB; 0 groups, ")

    def test_directory_that_cannot_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0)
            self.assertEqual(run_json(folder)["unreadable"], 1)
            os.chmod(folder, 0o700)

    def test_file_of_another_size(self):
        # Each file of sysfs claims 4096 bytes and gives fewer, as a file does that shrinks after the walk has seen it.
        for workers in WORKERS:
            result, _ = run_dupes("/sys/devices/system/cpu", "--json", workers=workers)
            found = json.loads(result.stdout)
            self.assertGreater(found["files"], 2)
            self.assertGreater(found["unreadable"], 2)
            self.assertEqual(len(result.stderr.split(b"\n")), found["unreadable"] + 1)
            self.assertIn(b": shorter than its size", result.stderr)

    def test_file_that_grows(self):
        # Appended to all the time: what is said about the two depends on the moment, but it must be said.
        with tempfile.TemporaryDirectory() as folder:
            tail = subprocess.Popen(["sh", "-c", "echo; while :; do echo line >>a; echo line >>b; done"], cwd=folder,
                                    stdout=subprocess.PIPE)
            try:
                tail.stdout.readline()
                for workers in WORKERS * 3:
                    found = run_json(folder, workers=workers)
                    self.assertLessEqual(len(found["groups"]), 1)
            finally:
                tail.kill()
                tail.wait()
                tail.stdout.close()

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([PROGRAM, "--summary", "/sys/devices/system/cpu"], stdout=full,
                                    stderr=subprocess.PIPE, timeout=250, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"standard output", result.stderr)


def main():
    global PROGRAM, SEED
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=20240229)
    arguments, rest = parser.parse_known_args()
    missing = [name for name in ("fdupes", "rdfind", *PLAIN_USER[:1]) if shutil.which(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; on Debian: apt-get install fdupes rdfind util-linux")
    PROGRAM, SEED = os.path.abspath(arguments.program), arguments.seed
    print(f"seed {SEED}")
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
