"""The input of a rule that fixes errors, and its output: an error, and fixes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slm_lsp.features.edit.rules.source import Source, read_source
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import Language
from slm_lsp.text import Lines

SCRIPTS = frozenset({"javascript", "tsx", "typescript"})

_UNDEFINED = tuple(
    re.compile(each)
    for each in (
        # Python; pyflakes; ruff; mypy and pyright
        r"\bname '(?P<name>\w+)' is not defined",
        r"\bundefined name '(?P<name>\w+)'",
        r"\bUndefined name `(?P<name>\w+)`",
        r"\"(?P<name>\w+)\" is not defined",
        # Node; eslint; tsc
        r"^(?:\w*Error: )?(?P<name>[\w$]+) is not defined$",
        r"'(?P<name>[\w$]+)' is not defined",
        r"\bCannot find name '(?P<name>[\w$]+)'",
        # Go; javac; rustc
        r"^undefined: (?P<name>\w+)$",
        r"\bcannot find symbol; symbol: (?:class|variable) (?P<name>\w+)",
        r"\bcannot find \w[\w ]* `(?P<name>\w+)` in this scope",
    )
)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error at a place of the document that is to be fixed."""

    path: str
    """Path of the document in its project, with `/`."""
    text: str
    language: Language
    line: int
    """Counted from 1; 0 if it is not known."""
    message: str
    project: Project

    @property
    def lines(self) -> Lines:
        """The lines of the document."""
        return Lines(self.text)

    @property
    def code(self) -> str:
        """The line of the error, without its line end; empty if the line is not known."""
        lines = self.lines
        return lines.line(self.line - 1) if 0 < self.line <= len(lines.starts) else ""

    @property
    def undefined(self) -> str:
        """The undefined name that the message reports; empty if it reports none."""
        found = (match["name"] for each in _UNDEFINED if (match := each.search(self.message)))
        return next(found, "")

    def source(self) -> Source | None:
        """Return the syntax tree of the document; None if the language has no parser.

        Raises:
            ParseTimeoutError: parsing takes too long.
        """
        return read_source(self.language, self.text)

    def with_line(self, new: str) -> str:
        """Return the document with another text of the line of the error."""
        lines = self.lines
        start = lines.starts[self.line - 1]
        return self.text[:start] + new + self.text[start + len(self.code) :]


@dataclass(frozen=True, slots=True)
class RuleFix:
    """A fix that a rule proposes. It is checked like an answer of the model."""

    text: str
    """The document with the fix."""
    why: str
    """One sentence that says what the rule did, and why."""


Fixes = Iterator[RuleFix]
