"""What a program of the gallery may print.

NAME.expected is one exact output. NAME.orders describes a set of outputs, for programs whose tasks print in parallel:

    | text                  one line
    seq                     the blocks below, in this order; the file as a whole is one
    parallel                the blocks below, interleaved in any way
    parallel N              the same, but never more than N of them begun and not ended
    either                  one of the blocks below
    X => Y                  each line Y comes after a line X
    timed                   which outcome is right depends on how much time passes: a slow machine may need another try
    # text                  a comment

Blocks are indented by two. seq, parallel and either may be followed by `each NAME A B …`: what is below is then one
block, taken once for each value, with {NAME} replaced; `each NAME,OTHER A,B C,D` replaces two. An `each` alone holds
rules. In a line <2.5+> stands for a number of at least 2.5, <1..3> for a whole number in that range, <a|b> for a or b.
"""
import functools
import re

PLACEHOLDER = re.compile(r"<(\d+(?:\.\d+)?)\+>|<(\d+)\.\.(\d+)>|<(\w+(?:\|\w+)*)>")
HEAD = re.compile(r"(seq|parallel|either)(?: (\d+))?(?: each (.+))?")


@functools.cache
def compiled(pattern):
    """The regular expression for a line, and for each of its groups the test that the text must pass."""
    regex, tests, end = "", [], 0
    for match in PLACEHOLDER.finditer(pattern):
        least, low, high, words = match.groups()
        regex += re.escape(pattern[end:match.start()])
        end = match.end()
        if least:
            regex += r"(\d+(?:\.\d+)?)"
            tests.append(lambda text, least=float(least): float(text) >= least)
        elif low:
            regex += r"(\d+)"
            tests.append(lambda text, low=int(low), high=int(high): low <= int(text) <= high)
        else:
            regex += f"({words})"
            tests.append(lambda text: True)
    return re.compile(regex + re.escape(pattern[end:])), tests


def line_matches(pattern, line):
    regex, tests = compiled(pattern)
    match = regex.fullmatch(line)
    return match is not None and all(test(text) for test, text in zip(tests, match.groups()))


# ---- sets of outputs: ("line", pattern), ("seq", items), ("either", items), ("parallel", limit, ((begun, item), …)) ----
DONE = ("seq", ())


def may_end(node):
    kind = node[0]
    if kind == "either":
        return any(map(may_end, node[1]))
    if kind == "seq":
        return all(map(may_end, node[1]))
    return kind == "parallel" and all(may_end(item) for _, item in node[2])


@functools.cache
def after(node, line):
    """What may follow when `line` has been printed: a set of nodes, empty if the line was not allowed."""
    kind = node[0]
    if kind == "line":
        return frozenset([DONE]) if line_matches(node[1], line) else frozenset()
    if kind == "either":
        return frozenset().union(*(after(item, line) for item in node[1]))
    if kind == "seq":
        if not node[1]:
            return frozenset()
        head, rest = node[1][0], node[1][1:]
        found = {("seq", (left, *rest)) if left != DONE else ("seq", rest) for left in after(head, line)}
        return frozenset(found | (after(("seq", rest), line) if may_end(head) else frozenset()))
    _, limit, tracks = node
    full = limit is not None and sum(begun for begun, _ in tracks) >= limit
    found = set()
    for i, (begun, item) in enumerate(tracks):
        if begun or not full:
            for left in after(item, line):
                kept = () if left == DONE else ((True, left),)
                found.add(("parallel", limit, tracks[:i] + kept + tracks[i + 1:]))
    return frozenset(found)


class Orders:
    """A set of outputs, read from the text of an .orders file."""

    def __init__(self, text):
        self.timed = False
        self.rules = []
        lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
        self.root = ("seq", tuple(self._blocks(lines, {})))

    def _blocks(self, lines, values):
        while lines:
            head, *lines = lines
            inner = 0
            while inner < len(lines) and lines[inner].startswith("  "):
                inner += 1
            below, lines = [line[2:] for line in lines[:inner]], lines[inner:]
            yield from self._block(head, below, values)

    def _block(self, head, below, values):
        if head == "timed":
            self.timed = True
        elif head.startswith("each "):
            for each in self._values(head[5:], values):
                list(self._blocks(below, each))
        elif head.startswith("| "):
            yield ("line", self._filled(head[2:], values))
        elif " => " in head:
            self.rules.append(tuple(self._filled(head, values).split(" => ")))
        else:
            kind, limit, each = HEAD.fullmatch(head).groups()
            if each:
                items = tuple(("seq", tuple(self._blocks(below, one))) for one in self._values(each, values))
            else:
                items = tuple(self._blocks(below, values))
            if kind == "parallel":
                yield ("parallel", int(limit) if limit else None, tuple((False, item) for item in items))
            else:
                yield (kind, items)

    @staticmethod
    def _values(each, values):
        names, *rows = each.split(" ")
        for row in rows:
            yield {**values, **dict(zip(names.split(","), row.split(","), strict=True))}

    @staticmethod
    def _filled(text, values):
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        return text

    def complaint(self, output):
        """None if `output` is in the set, otherwise what is wrong with it."""
        states = frozenset([self.root])
        lines = output.splitlines()
        for line in lines:
            states = frozenset().union(*(after(state, line) for state in states))
            if not states:
                return f"not allowed here: '{line}'"
        if not any(map(may_end, states)):
            return "more lines must follow"
        for first, second in self.rules:
            seen = False
            for line in lines:
                seen = seen or line_matches(first, line)
                if not seen and line_matches(second, line):
                    return f"'{line}' before '{first}'"
        return None


def exactly(text):
    """The set that has one output (or several, if there are placeholders in it)."""
    return Orders("".join(f"| {line}\n" for line in text.splitlines()))
