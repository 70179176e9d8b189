#!/usr/bin/env python3
"""Checks the rules of the tree that need no compiler. CONTRIBUTING.md explains them.

    check_shape.py [--root DIR]   check the tree; 1 when a rule is broken
    check_shape.py --self-test    check the checker on planted snippets

A line that breaks a rule on purpose says so, on it or directly above: `// shape: allow <rule>: <reason>`.
"""
import argparse
import collections
import pathlib
import re
import sys
import tempfile

# ---- the layers: a file includes its own layer and lower ones ---------------------------------------------------
# Two seams let a low layer reach up without an include: detail/wait/suspend.hpp is declared in layer 2 and defined
# by the tasks, detail/task/schedule.hpp is declared in layer 4 and defined by the scheduler.
PUBLIC = {
    0: "version error",
    3: "lock event condition semaphore barrier queue priority_queue lock_all",
    4: "callback_handle coro generator task future context",
    5: "runtime threads sleep",
    6: "task_group gather with_lock wait as_completed race shield timeout",
    8: "heddle arena stop_token",
}
PUBLIC_LAYER = {name: layer for layer, names in PUBLIC.items() for name in names.split()}
FOLDER_LAYER = {"base": 0, "sync": 1, "wait": 2, "queue": 3, "primitives": 3, "task": 4, "sched": 5, "structure": 6,
                "io": 7}
ANY_LAYER = 99  # tests, stress, bench, examples

# ---- the doors: which system and library headers may be named where (in include/ and lib/) ------------------------
DOORS = [
    ("atomic-door", r"atomic|stdatomic\.h", r"include/heddle/detail/sync/atomic\.hpp"),
    ("thread-door", r"thread|mutex|shared_mutex|condition_variable", r"lib/(sched|sync|task)/.*"),
    ("os-door", r"linux/.*|sys/.*|pthread\.h|sched\.h|unistd\.h|poll\.h|fcntl\.h|s?signal\.h",
     r"lib/(base|sync|io)/.*|lib/sched/(cpus|runtime)\.cpp"),
    ("iostream", r"iostream", r"(?!)"),
    ("library-door", r"(oneapi/)?tbb/.*|(.*/)?concurrentqueue\.h|moodycamel/.*",
     r"lib/.*|include/heddle/(priority_queue|arena)\.hpp"),
]

CODE_FOLDERS = ("include", "lib", "tests", "stress", "bench", "examples")
CODE = {".hpp", ".cpp", ".h"}
TEXT = CODE | {".py", ".cmake", ".txt", ".md", ".json", ".in", ".sh", ""}
SIZE_GUIDE = 400

ORDER = r"relaxed|acquire|release|acq_rel|seq_cst|consume"
ORDER_ARGUMENT = re.compile(rf"(?:[\w:]*::)?(?:memory_order_)?(?:{ORDER})")
ATOMIC_CALL = re.compile(r"(?:\.|->)\s*(load|store|exchange|compare_exchange_\w+|fetch_\w+|test_and_set|test|clear|wait)"
                         r"\s*\(")
HANDSHAKE = re.compile(r"\b(?:acquire|release|acq_rel|seq_cst)\s*\[([^\]]+)\]")
ALLOW = re.compile(r"shape: allow ([\w-]+): *\S")
# Written in two halves, so that this file passes its own check.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SKIPPED = re.compile(r"\bGTEST_" r"SKIP|\bDIS" r"ABLED_")
INTERNAL = re.compile(r"\.\./sha" r"red|\bDEVELO" r"PERS\.md")
SLEEP = re.compile(r"\b(?:sleep_for|usleep|nanosleep)\b|this_thread\s*::\s*sleep")
LITERAL_OR_COMMENT = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<raw>R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)")|(?P<text>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')", re.DOTALL)

Finding = collections.namedtuple("Finding", "path line rule text")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """A C++ file: its text, the text without comments and literals, and the lines that carry a comment."""

    def __init__(self, path, text):
        self.path, self.text, self.lines = path, text, text.split("\n")
        self.commented = set()

        def hide(match):
            if match.group("comment"):
                first = text.count("\n", 0, match.start())
                self.commented.update(range(first, first + match.group().count("\n") + 1))
            return blank(match.group())

        self.code = LITERAL_OR_COMMENT.sub(hide, text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset)  # from 0

    def closing(self, opening):
        """Offset of the parenthesis that closes the one at `opening`, or the end of the file."""
        depth = 0
        for offset in range(opening, len(self.code)):
            depth += {"(": 1, ")": -1}.get(self.code[offset], 0)
            if depth == 0:
                return offset
        return len(self.code)


def split_arguments(text):
    parts, depth, start = [], 0, 0
    for offset, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:offset].strip())
            start = offset + 1
    return parts + [text[start:].strip()]


def layer_of(path):
    """Layer of a file of the tree, None when the tables above do not know it."""
    parts = path.split("/")
    if path.startswith("include/heddle/detail/"):
        return FOLDER_LAYER.get(parts[3])
    if path.startswith("include/heddle/"):
        return 7 if parts[2] == "io" else PUBLIC_LAYER.get(parts[2].removesuffix(".hpp")) if len(parts) == 3 else None
    if parts[0] == "lib":
        return FOLDER_LAYER.get(parts[1])
    return ANY_LAYER


def resolve(path, included, known):
    """The file of the tree that an #include names, or None when it is none of ours."""
    if included.startswith("heddle/"):
        return "include/" + included
    beside = str(pathlib.PurePosixPath(path).parent / included)
    for candidate in (beside, "lib/" + included):
        if candidate in known:
            return candidate
    return None


def check_includes(source, known):
    path, library = source.path, source.path.startswith(("include/", "lib/"))
    layer = layer_of(path)
    if layer is None:
        yield 0, "layer", "unknown to the layer table in tests/shape/check_shape.py"
        return
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', source.text, re.MULTILINE):
        line, included = source.line_of(match.start()), match.group(1)
        target = resolve(path, included, known)
        if target is not None:
            target_layer = layer_of(target)
            if path.startswith("include/") and target.startswith("lib/"):
                yield line, "layer", f"a public header includes {target}"
            elif target_layer is not None and target_layer > layer:
                yield line, "layer", f"layer {layer} includes {target} of layer {target_layer}"
        if library:
            for rule, header, allowed in DOORS:
                if re.fullmatch(header, included) and not re.fullmatch(allowed, path):
                    yield line, rule, f"<{included}> may not be included here"


def check_orders(source):
    """A memory order needs its reason: a comment on a line of the call or in the three lines above it."""
    seen = set()
    for match in ATOMIC_CALL.finditer(source.code):
        end = source.closing(match.end() - 1)
        arguments = split_arguments(source.code[match.end():end])
        if not ORDER_ARGUMENT.fullmatch(arguments[-1]):
            continue
        first, last = source.line_of(match.start()), source.line_of(end)
        seen.update(range(first, last + 1))
        if not source.commented.intersection(range(first - 3, last + 1)):
            yield first, "order-comment", f"{arguments[-1]} at {match.group(1)}() without a comment that says why"
    if source.path != "include/heddle/detail/sync/atomic.hpp":
        for match in re.finditer(r"\bmemory_order(?:_|::)\w+", source.code):
            line = source.line_of(match.start())
            if line not in seen and not source.commented.intersection(range(line - 3, line + 1)):
                yield line, "order-comment", f"{match.group()} without a comment that says why"


def check_code(source):
    for match in re.finditer(r"\batomic_(?:thread|signal)_fence\b", source.code):
        yield source.line_of(match.start()), "fence", "no stand-alone fences: put the order on the operation"
    for match in re.finditer(r"\b(if|while|switch|for)\s*(?:constexpr\s*)?\(", source.code):
        condition = source.code[match.end():source.closing(match.end() - 1)]
        if re.search(r"(?<!operator )\bco_await\b", condition):
            yield (source.line_of(match.start()), "await-in-condition",
                   f"co_await in the condition of {match.group(1)}: GCC 12 miscompiles it")
    if source.path.startswith("tests/") and not re.search(r"timer|sleep", pathlib.PurePosixPath(source.path).name):
        for match in SLEEP.finditer(source.code):
            yield source.line_of(match.start()), "sleep", f"{match.group()}: wait for the event, not for the clock"


def check_text(lines):
    for number, text in enumerate(lines):
        for rule, pattern in (("unfinished", UNFINISHED), ("skipped-test", SKIPPED), ("internal-page", INTERNAL)):
            match = pattern.search(text)
            if match:
                yield number, rule, match.group()


def check_handshakes(sources):
    """A handshake is named at both of its ends, so a name in brackets occurs at least twice."""
    ends = collections.defaultdict(list)
    mentions = collections.Counter()
    for source in sources:
        mentions.update(re.findall(r"\[([^\]\n]+)\]", "\n".join(source.lines[i] for i in sorted(source.commented))))
        for number in sorted(source.commented):
            for name in HANDSHAKE.findall(source.lines[number]):
                ends[name].append((source.path, number))
    for name, places in ends.items():
        if mentions[name] < 2:
            path, number = places[0]
            yield Finding(path, number + 1, "handshake", f"[{name}] is named once: where is its partner?")


def allowed(lines, number, rule):
    """True when the line, or the comment directly above it, carries `shape: allow <rule>: <reason>`."""
    return any(match.group(1) == rule
               for text in lines[max(0, number - 1):number + 1] for match in ALLOW.finditer(text))


def tree_files(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        top = relative.split("/")[0]
        if top == ".git" or top.startswith("build") or "__pycache__" in relative or not path.is_file():
            continue
        if path.suffix in TEXT and path.name != "LICENSE":
            yield relative


def check_tree(root):
    """All findings, and the sizes of files beyond the guide."""
    findings, sizes, guarded = [], [], []
    files = list(tree_files(root))
    known = set(files)
    for path in files:
        text = (root / path).read_text(encoding="utf-8")
        lines = text.split("\n")
        raw = list(check_text(lines))
        if pathlib.PurePosixPath(path).suffix in CODE and path.split("/")[0] in CODE_FOLDERS:
            source = Source(path, text)
            raw += [*check_includes(source, known), *check_code(source)]
            if path.startswith(("include/", "lib/")):
                raw += check_orders(source)
                guarded.append(source)
            if len(lines) > SIZE_GUIDE:
                sizes.append((len(lines), path))
        findings += [Finding(path, number + 1, rule, what) for number, rule, what in raw
                     if not allowed(lines, number, rule)]
    findings += check_handshakes(guarded)

    readme, hello = root / "README.md", root / "examples/hello.cpp"
    if hello.exists():
        shown = re.search(r"```cpp\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
        if shown is None or shown.group(1) != hello.read_text(encoding="utf-8"):
            findings.append(Finding("README.md", 1, "readme", "its program is not examples/hello.cpp any more"))

    lists = root / "lib/CMakeLists.txt"
    if lists.exists():
        listed = set(re.findall(r"^\s*([\w/]+\.cpp)\b", lists.read_text(encoding="utf-8"), re.MULTILINE))
        findings += [Finding(path, 1, "unlisted", "not in lib/CMakeLists.txt") for path in files
                     if path.startswith("lib/") and path.endswith(".cpp") and path[4:] not in listed]
    return findings, sizes


# ---- self-test: path, content, rule that must be reported (None: must be clean) -----------------------------------
PLANTED = [
    ("include/heddle/detail/wait/a.hpp", "#include <heddle/detail/task/x.hpp>", "layer"),
    ("include/heddle/detail/task/a.hpp", "#include <heddle/detail/wait/suspend.hpp>", None),
    ("include/heddle/lock.hpp", '#include "../../lib/sched/worker.hpp"\n#include <heddle/task.hpp>', "layer"),
    ("include/heddle/nobody.hpp", "", "layer"),
    ("lib/wait/a.cpp", '#include "sched/worker.hpp"', "layer"),
    ("lib/sched/worker.hpp", "", None),
    ("lib/sync/a.cpp", "#include <atomic>", "atomic-door"),
    ("include/heddle/detail/sync/atomic.hpp", "#include <atomic>\nusing std::memory_order_relaxed;", None),
    ("lib/primitives/a.cpp", "#include <mutex>", "thread-door"),
    ("lib/sched/a.cpp", "#include <mutex>", None),
    ("lib/task/a.cpp", "#include <sys/mman.h>", "os-door"),
    ("lib/sched/cpus.cpp", "#include <sched.h>", None),
    ("lib/base/a.cpp", "#include <iostream>", "iostream"),
    ("include/heddle/queue.hpp", "#include <concurrentqueue/concurrentqueue.h>", "library-door"),
    ("include/heddle/arena.hpp", "#include <oneapi/tbb/task_arena.h>", None),
    ("lib/wait/b.cpp", "int f() { return x.load(relaxed); }", "order-comment"),
    ("lib/wait/c.cpp", "// relaxed: only the owner writes\nint f() { return x.load(relaxed); }", None),
    ("lib/wait/d.cpp", "bool f() {\n  return x->compare_exchange_strong(a, g(b, c),\n    acq_rel, relaxed);\n}",
     "order-comment"),
    ("lib/wait/e.cpp", "void f() { lock.release(); run(acquire); s = \"x.load(relaxed)\"; }", None),
    ("lib/wait/f.cpp", "auto o = std::memory_order_seq_cst;", "order-comment"),
    ("lib/wait/g.cpp", "x.store(1, release);  // release [lonely]: nobody reads", "handshake"),
    ("lib/wait/h.cpp", "x.store(1, release);  // release [pair]: a\nx.load(acquire);  // acquire [pair]: b", None),
    ("lib/wait/i.cpp", "void f() { std::atomic_thread_fence(o); }", "fence"),
    ("tests/api/a_test.cpp", "if (f(co_await x)) {}", "await-in-condition"),
    ("tests/api/b_test.cpp", "while (auto v = co_await g.next()) {}", "await-in-condition"),
    ("tests/api/c_test.cpp", "// shape: allow await-in-condition: asyncio's own form\nwhile (co_await x) {}", None),
    ("tests/api/d_test.cpp", "for (int i = 0; i < 9; ++i) {\n  auto v = co_await x;  // if (co_await x)\n}", None),
    ("tests/api/e_test.cpp", "std::this_thread::sleep_for(1s);", "sleep"),
    ("tests/api/timer_test.cpp", "std::this_thread::sleep_for(1s);", None),
    ("tests/api/f_test.cpp", "#include <heddle/heddle.hpp>\nint big = 1'000; char c = 'x';", None),
    ("tests/api/g_test.cpp", "TEST(A, DIS" "ABLED_b) {}", "skipped-test"),
    ("bench/micro/a.cpp", "#include <tbb/task_group.h>", None),
    ("README.md", "a TO" "DO for later\n```cpp\nint main() { return 1; }\n```", "unfinished"),
    ("examples/hello.cpp", "int main() {}", None),
    ("docs/a.md", "as ../sha" "red/x says", "internal-page"),
]


def self_test():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, content, _ in PLANTED:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content + "\n", encoding="utf-8")
        (root / "lib/CMakeLists.txt").write_text(
            "\n".join(path[4:] for path, _, _ in PLANTED if path.startswith("lib/") and path != "lib/base/a.cpp"),
            encoding="utf-8")
        found = collections.defaultdict(set)
        for finding in check_tree(root)[0]:
            found[finding.path].add(finding.rule)
        for path, _, rule in [*PLANTED, ("lib/base/a.cpp", "", "unlisted"), ("README.md", "", "readme")]:
            ok = rule in found[path] if rule else not found[path]
            if not ok:
                failures += 1
                print(f"{path}: expected {rule or 'nothing'}, found {', '.join(sorted(found[path])) or 'nothing'}")
    print(f"shape self-test: {len(PLANTED) + 2} faults, {failures} failed")
    return failures != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    findings, sizes = check_tree(arguments.root)
    for finding in findings:
        print(f"{finding.path}:{finding.line}: [{finding.rule}] {finding.text}")
    for lines, path in sorted(sizes, reverse=True):
        print(f"note: {path} has {lines} lines; the guide is {SIZE_GUIDE}")
    print(f"shape: {len(findings)} findings")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
