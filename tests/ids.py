#!/usr/bin/env python3
"""Which cases of semantics/cases.txt have a test.

A test covers a case by its name: the id with '_' for '-', in any case, alone or among others, as in
TEST(Lock, LOCK_04_LOCK_05_newcomers_join_the_tail). `drop` cases need none, optional ones may have one. Fails when a
section listed in semantics/delivered.txt misses a case, or a test names a case that does not exist.

    ids.py [section...]   with sections: also lists their missing cases
"""
import collections
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent
Case = collections.namedtuple("Case", "id tag section optional")
NAME = re.compile(r"\b(?:TYPED_TEST|TEST|TEST_F|TEST_P|TYPED_TEST_P)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")


def entries(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


def read_cases():
    return [Case(words[0], words[1], words[2], "optional" in words[3:])
            for words in entries(TESTS / "semantics/cases.txt")]


def read_covered(prefixes):
    """Ids named by tests, each with the place where it is named."""
    mention = re.compile(rf"(?<![a-z0-9])({'|'.join(sorted(prefixes))})_(\d+)(?!\d)", re.IGNORECASE)
    covered = {}
    for path in sorted(TESTS.rglob("*.cpp")):
        for match in NAME.finditer(path.read_text(encoding="utf-8")):
            for prefix, number in mention.findall(match.group(2)):
                covered.setdefault(f"{prefix.upper()}-{int(number):02}", path.relative_to(TESTS))
    return covered


def main():
    cases = read_cases()
    asked = sys.argv[1:]
    delivered = {words[0] for words in entries(TESTS / "semantics/delivered.txt")}
    covered = read_covered({case.id.split("-")[0] for case in cases})
    sections = list(dict.fromkeys(case.section for case in cases))
    failures = [f"{id}: named by a test in {path}, but not in cases.txt"
                for id, path in covered.items() if id not in {case.id for case in cases}]
    failures += [f"{name}: no such section" for name in [*delivered, *asked] if name not in sections]

    print(f"{'section':24}{'cases':>6}{'covered':>9}{'missing':>9}")
    sums = collections.Counter()
    for section in sections:
        wanted = [case for case in cases if case.section == section and case.tag != "drop"]
        done = [case for case in wanted if case.id in covered]
        missing = [case.id for case in wanted if case.id not in covered and not case.optional]
        sums.update(cases=len(wanted), covered=len(done), missing=len(missing))
        print(f"{section:24}{len(wanted):6}{len(done):9}{len(missing):9}{'  delivered' if section in delivered else ''}")
        if section in delivered and missing:
            failures.append(f"{section}: delivered, but without a test for {' '.join(missing)}")
        elif section in asked:
            print("    " + " ".join(missing))
    print(f"{'all':24}{sums['cases']:6}{sums['covered']:9}{sums['missing']:9}")
    for failure in failures:
        print(failure)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
