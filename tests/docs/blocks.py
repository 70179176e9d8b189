#!/usr/bin/env python3
"""Makes the code in README.md and docs/ compile, and its links lead somewhere.

    blocks.py generate FOLDER ROOT DOCUMENT...  C++ sources from the documents, and FOLDER/programs.txt, the list for CMake
    blocks.py check ROOT DOCUMENT...       links, Python blocks, and what GCC 12 miscompiles
    blocks.py compare PROGRAM EXPECTED     run a program, compare what it prints
    blocks.py self-test                    check the checks on planted documents

A block ```cpp is
  a program                  if it defines main(): compiled as it is. A block ```output right after it is what it
                             prints, and the program is run
  declarations               after a line <!-- cpp: declarations -->: at namespace scope, after preamble.hpp
  the body of a coroutine    otherwise: what stands in a function that returns Coro<void>, after preamble.hpp
"""
import ast
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(\w*)\s*$")
COMMENT = re.compile(r"^<!-- cpp: (\w+) -->$")
INCLUDE = re.compile(r"^\s*#include\s+(<[^>]+>)")
KINDS = {"declarations"}

Block = collections.namedtuple("Block", "path line language kind lines")  # line: of the first line of code, from 1


class Fault(Exception):
    pass


def blocks_of(path, text):
    lines = text.split("\n")
    number, kind = 0, None
    while number < len(lines):
        comment, fence = COMMENT.match(lines[number]), FENCE.match(lines[number])
        if comment:
            kind = comment.group(1)
            if kind not in KINDS:
                raise Fault(f"{path}:{number + 1}: 'cpp: {kind}' is none of {', '.join(sorted(KINDS))}")
        elif fence:
            start = number + 1
            number = start
            while number < len(lines) and lines[number] != "```":
                number += 1
            if number == len(lines):
                raise Fault(f"{path}:{start}: this block is never closed")
            if kind is not None and fence.group(1) != "cpp":
                raise Fault(f"{path}:{start}: a comment 'cpp: …' before a block that is no cpp")
            yield Block(path, start + 1, fence.group(1), kind, lines[start:number])
            kind = None
        elif lines[number].startswith("```"):
            raise Fault(f"{path}:{number + 1}: a fence that is not understood")
        elif lines[number].strip() and kind is not None:
            raise Fault(f"{path}:{number + 1}: text between a comment 'cpp: …' and its block")
        number += 1


def is_program(block):
    return any(re.search(r"\bint main\(", line) for line in block.lines)


def identifier(block):
    return re.sub(r"\W", "_", f"{block.path}_{block.line}")


def write(path, text):
    """Leaves a file that is right already as old as it is."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def wrapped(block):
    """A fragment in a namespace of its own; compilers' messages name the document's lines."""
    code = [f'#line {block.line} "{block.path}"', *("" if INCLUDE.match(line) else line for line in block.lines)]
    if block.kind is None:
        # A local before the first co_await, as GCC 12 needs.
        code = ["Coro<void> body() {", "const int first_local = 0;", "static_cast<void>(first_local);", *code,
                "co_return;", "}"]
    return "\n".join([f"namespace {identifier(block)} {{", *code, "}", ""])


def generate(folder, documents):
    folder.mkdir(parents=True, exist_ok=True)
    programs, includes, fragments = [], set(), []
    for path, text in documents:
        blocks = list(blocks_of(path, text))
        for block, after in zip(blocks, [*blocks[1:], None]):
            if block.language != "cpp":
                continue
            if block.kind is None and is_program(block):
                name = identifier(block)
                output = after is not None and after.language == "output"
                write(folder / f"{name}.cpp", "\n".join([f'#line {block.line} "{path}"', *block.lines, ""]))
                if output:
                    write(folder / f"{name}.out", "\n".join([*after.lines, ""]))
                programs.append(f"{name}|{path}:{block.line}|{'run' if output else 'compile'}")
                continue
            includes.update(match.group(1) for match in map(INCLUDE.match, block.lines) if match)
            fragments.append(wrapped(block))
    head = ['#include "preamble.hpp"', *(f"#include {name}" for name in sorted(includes)), "namespace docs {", ""]
    write(folder / "fragments.cpp", "\n".join([*head, *fragments, "}", ""]))
    write(folder / "programs.txt", "\n".join([*programs, ""]))


def anchors(text):
    """The anchors that GitHub gives to headings."""
    heads = re.findall(r"^#+ +(.*?)\s*$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def check_links(root, path, text):
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", lambda match: "\n" * match.group().count("\n"), text,
                   flags=re.MULTILINE | re.DOTALL)
    for match in re.finditer(r"\]\(([^)\s]+)\)", prose):
        link, line = match.group(1), prose.count("\n", 0, match.start()) + 1
        if re.match(r"https?://|mailto:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (root / path).parent / file if file else root / path
        if not target.exists():
            yield f"{path}:{line}: {link} leads nowhere"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{path}:{line}: {file or path} has no heading #{anchor}"


def check_blocks(path, text):
    for block in blocks_of(path, text):
        code = "\n".join(re.sub(r"//.*", "", line) for line in block.lines)
        if block.language == "python":
            try:
                compile(code, path, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            except SyntaxError as error:
                yield f"{path}:{block.line}: {error}"
        if block.language == "cpp":
            if re.search(r"\b(?:if|while|switch)\s*\([^;\n]*\bco_await\b", code):
                yield f"{path}:{block.line}: co_await in a condition, which GCC 12 miscompiles"
            if re.search(r"\bco_await\b[^;{]*\[[^\]]*\]\s*(?:\(|\{)", code):
                yield f"{path}:{block.line}: a lambda inside a co_await expression, which GCC 12 miscompiles"
            if any(len(line) > 110 for line in block.lines):
                yield f"{path}:{block.line}: a line of more than 110 columns"


def compare(program, expected):
    ran = subprocess.run([program], capture_output=True, encoding="utf-8", timeout=60, check=False)
    wanted = pathlib.Path(expected).read_text(encoding="utf-8")
    if ran.returncode != 0 or ran.stdout != wanted:
        print(f"exit code {ran.returncode}\n--- stated\n{wanted}--- printed\n{ran.stdout}{ran.stderr}")
        return 1
    return 0


# What a document says, and what must be reported about it (None: nothing).
PLANTED = [
    ("[a](other.md) [b](other.md#a-heading-with-code) [c](#here)\n# Here", None),
    ("[a](nowhere.md)", "leads nowhere"),
    ("[a](other.md#no-such)", "has no heading"),
    ("`[a](nowhere.md)`\n```text\n[a](nowhere.md)\n```", None),
    ("```python\nawait f()\n```", None),
    ("```python\nawait f(\n```", "was never closed"),
    ("```cpp\nauto ok = co_await x;\nif (ok) {}\n```", None),
    ("```cpp\nif (co_await x) {}\n```", "in a condition"),
    ("```cpp\nint main() { while (f(co_await x)) {} }\n```", "in a condition"),
    ("```cpp\nco_await task_group([&](TaskGroup& tg) -> Coro<void> { co_return; });\n```", "a lambda inside"),
    ("```cpp\nauto body = [&](Timeout& t) -> Coro<void> { co_await f(); };\nco_await timeout(5s, body);\n```", None),
    ("```cpp\n// " + "x" * 110 + "\n```", "110 columns"),
    ("```cpp\nint x;", "never closed"),
    ("<!-- cpp: skipped -->\n```cpp\n```", "is none of"),
    ("<!-- cpp: declarations -->\ntext\n```cpp\n```", "text between"),
    ("<!-- cpp: declarations -->\n```text\n```", "is no cpp"),
    ("```cpp {.x}\n```", "not understood"),
]


def self_test():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "other.md").write_text("# A heading with `code`!\n", encoding="utf-8")
        for text, expected in PLANTED:
            (root / "a.md").write_text(text, encoding="utf-8")
            try:
                found = [*check_links(root, "a.md", text), *check_blocks("a.md", text)]
            except Fault as fault:
                found = [str(fault)]
            if (expected is None and found) or (expected and not any(expected in one for one in found)):
                failures += 1
                print(f"--- expected {expected!r}, found {found} in\n{text}")
        document = "```cpp\n#include <set>\nint main() {}\n```\n```output\n```\n```cpp\nco_await f();\n```\n"
        generate(root / "out", [("a.md", document)])
        files = {path.name: path.read_text(encoding="utf-8") for path in (root / "out").iterdir()}
        if (files["programs.txt"] != "a_md_2|a.md:2|run\n" or "#include <set>" not in files["a_md_2.cpp"] or
                '#line 8 "a.md"\nco_await f();' not in files["fragments.cpp"]):
            failures += 1
            print(f"--- generated {files}")
    print(f"docs self-test: {len(PLANTED) + 1} cases, {failures} failed")
    return failures != 0


def main():
    match sys.argv[1:]:
        case ["generate", folder, root, *paths]:
            generate(pathlib.Path(folder), [(path, (pathlib.Path(root) / path).read_text(encoding="utf-8"))
                                            for path in paths])
            return 0
        case ["check", root, *paths]:
            faults = []
            for path in paths:
                text = (pathlib.Path(root) / path).read_text(encoding="utf-8")
                faults += [*check_links(pathlib.Path(root), path, text), *check_blocks(path, text)]
            print("\n".join([*faults, f"docs: {len(paths)} documents, {len(faults)} faults"]))
            return bool(faults)
        case ["compare", program, expected]:
            return compare(program, expected)
        case ["self-test"]:
            return self_test()
    print(__doc__)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fault as fault:
        sys.exit(str(fault))
