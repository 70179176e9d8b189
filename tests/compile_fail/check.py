#!/usr/bin/env python3
"""check.py SOURCE -- COMPILER FLAGS...: SOURCE must not compile and must say what its `// expect:` lines ask for."""
import re
import subprocess
import sys


def main():
    source, separator, *command = sys.argv[1:]
    assert separator == "--", __doc__
    with open(source, encoding="utf-8") as file:
        expected = re.findall(r"//\s*expect:\s*(.+?)\s*$", file.read(), re.MULTILINE)
    if not expected:
        return f"{source}: no '// expect: <regex>' line"
    result = subprocess.run([*command, source], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return f"{source}: compiles, but must not"
    missing = [pattern for pattern in expected if not re.search(pattern, result.stderr)]
    if missing:
        return f"{result.stderr}\n{source}: rejected, but no message matches: " + " | ".join(missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
