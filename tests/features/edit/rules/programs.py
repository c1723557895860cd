"""Random Python functions for property tests, and what they do when they run."""

from typing import Any

from hypothesis import strategies as st

NAMES = ["a", "b", "c", "d"]

PRELUDE = """\
log = []


def bump(items):
    items.append(len(items))
    log.append("bump")
    return items[-1]


class Box:
    def __init__(self):
        self.n = 1

    def grow(self, by):
        self.n += by
        log.append(("grow", by))
        return self.n


"""

_LEAVES = st.sampled_from([*NAMES, "1", "2", "7", "items[0]", "box.n", "len(items)"])


def expressions(names: list[str] | None = None) -> st.SearchStrategy[str]:
    """Return expressions over integers, a list and an object; some have side effects."""
    leaves = _LEAVES if names is None else st.sampled_from([*names, "1", "5"])

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["+", "-", "*", "|", "<", "==", "and", "or"])
        found = st.one_of(
            st.tuples(inner, operators, inner).map(" ".join),
            inner.map(lambda each: f"({each})"),
            inner.map(lambda each: f"-({each})"),
            st.tuples(inner, inner, inner).map(lambda each: f"({each[0]} if {each[1]} else {each[2]})"),
        )
        if names is not None:
            return found
        return st.one_of(
            found,
            st.just("bump(items)"),
            inner.map(lambda each: f"box.grow({each})"),
            inner.map(lambda each: f"sum([e + ({each}) for e in items[:2]])"),
            inner.map(lambda each: f"max({each}, bump(items))"),
            inner.map(lambda each: f"(lambda e: e + ({each}))(1)"),
        )

    return st.recursive(leaves, larger, max_leaves=5)


def statements(depth: int) -> st.SearchStrategy[list[str]]:
    """Return the lines of a block."""
    simple = st.one_of(
        st.tuples(st.sampled_from(NAMES), expressions()).map(lambda each: [f"{each[0]} = {each[1]}"]),
        st.tuples(st.sampled_from(NAMES), expressions()).map(lambda each: [f"{each[0]} += {each[1]}"]),
        expressions().map(lambda each: [f"log.append({each})"]),
        expressions().map(lambda each: [f"items.append({each})"]),
        expressions().map(lambda each: [f"box.n = {each}"]),
        expressions().map(lambda each: [f"return {each}"]),
    )
    if not depth:
        return st.lists(simple, min_size=1, max_size=3).map(_joined)
    inner = statements(depth - 1).map(_indented)
    compound = st.one_of(
        st.tuples(expressions(), inner).map(lambda each: [f"if {each[0]}:", *each[1]]),
        st.tuples(expressions(), inner, inner).map(lambda each: [f"if {each[0]}:", *each[1], "else:", *each[2]]),
        st.tuples(st.sampled_from(NAMES), inner).map(lambda each: [f"for {each[0]} in range(3):", *each[1]]),
        inner.map(lambda each: ["for _ in range(2):", *each, "    if a > 3:", "        continue", "    b = a"]),
        st.tuples(inner, inner).map(lambda each: ["try:", *each[0], "except NameError:", *each[1]]),
        st.tuples(inner, inner).map(lambda each: ["try:", *each[0], "finally:", *each[1]]),
    )
    return st.lists(st.one_of(simple, simple, compound), min_size=2, max_size=5).map(_joined)


def functions(first: list[str]) -> st.SearchStrategy[str]:
    """Return the text of a module with a function `f`, whose first lines are given."""

    def module(body: list[str]) -> str:
        lines = _indented([*first, *body, "return a, b, c, d"])
        return PRELUDE + "def f(a, b, items, box):\n" + "\n".join(lines) + "\n"

    return statements(2).map(module)


def _joined(blocks: list[list[str]]) -> list[str]:
    return [line for block in blocks for line in block]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def outcome(text: str) -> list[Any]:
    """Return what the function of a module does for some arguments: results, errors, and all side effects."""
    found: list[Any] = []
    for first, second in ((0, 1), (5, 2)):
        namespace: dict[str, Any] = {}
        exec(compile(text, "module", "exec"), namespace)  # noqa: S102 - the program is made here
        items, box = [3], namespace["Box"]()
        try:
            result: object = namespace["f"](first, second, items, box)
        except NameError:
            result = "NameError"
        found.append((result, items, box.n, namespace["log"]))
    return found
