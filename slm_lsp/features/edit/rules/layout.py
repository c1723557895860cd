"""How the imports of a Python project are arranged: which modules are its own, and how long a line may be."""

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

LINE_LENGTH = 88
"""Default maximum line length, in characters; the default of Black and Ruff."""


class Section(IntEnum):
    """Sections of an import block, in the default order of isort and Ruff."""

    FUTURE = 0
    STANDARD = 1
    THIRD_PARTY = 2
    OWN = 3
    RELATIVE = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Arrangement of imports.

    Args:
        own: top-level modules and packages of the project.
        line_length: maximum number of characters of a line.
    """

    own: frozenset[str] = frozenset()
    line_length: int = LINE_LENGTH

    def section(self, module: str) -> Section:
        """Return the section of a module."""
        if module.startswith("."):
            return Section.RELATIVE
        top = module.partition(".")[0]
        if top == "__future__":
            return Section.FUTURE
        if top in sys.stdlib_module_names:
            return Section.STANDARD
        return Section.OWN if top in self.own else Section.THIRD_PARTY


def layout_of(paths: Iterable[str], pyproject: str = "") -> Layout:
    """Return the layout of a project.

    Args:
        paths: paths of the project's Python files, with `/`.
        pyproject: text of `pyproject.toml`; empty if there is none.
    """
    tools = _tools(pyproject)
    own: set[str] = set()
    for path in paths:
        parts = path.removeprefix("src/").split("/")
        own.add(parts[0] if len(parts) > 1 else re.sub(r"\.pyi?$", "", parts[0]))
    lengths = (
        tools.get("ruff", {}).get("line-length"),
        tools.get("black", {}).get("line-length"),
        tools.get("isort", {}).get("line_length"),
    )
    length = next((each for each in lengths if isinstance(each, int) and each > 0), LINE_LENGTH)
    return Layout(frozenset(own), length)


def _tools(pyproject: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(pyproject).get("tool", {})
    except tomllib.TOMLDecodeError:
        return {}
    return {name: table for name, table in found.items() if isinstance(table, dict)} if isinstance(found, dict) else {}
