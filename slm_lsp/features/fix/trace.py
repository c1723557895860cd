"""Find the places of an error in the output of interpreters, compilers, linters and test runners."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from slm_lsp.features.fix.formats import (
    ANY_PYTHON_EXCEPTION,
    BREAK,
    CAUSE_ABOVE,
    CAUSE_BELOW,
    DETAIL,
    ESLINT_FILE,
    ESLINT_LINE,
    EXCEPTION,
    FORMATS,
    NEXT_STACK,
    PANIC,
    PYTEST_ERROR,
    TITLE,
    Format,
    Style,
)

MAX_LINE = 2_000
"""Longer lines, in characters, are skipped: no tool prints a place in such a line."""

FIRST, LAST = 100_000, 300_000
"""Number of characters at the start and at the end of an output that are read. Reading takes 0.1 ms per line."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

_MAY_NAME_A_PLACE = re.compile(r"\d|^FAILED|^ERROR")

_LABEL = re.compile(r"(?:(?P<label>error|warning|note|help)(?:\[\w+\])?: )?(?P<rest>.*)")
"""The line above rustc's places."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the code that the output names, with the message of its error."""

    path: str
    """The path as printed. It may be from another machine or relative to any folder."""
    line: int
    """The line, counted from 1; 0 if the output names only the file."""
    function: str = ""
    """The function as printed; empty if the output does not name it."""
    message: str = ""


def frames(text: str) -> tuple[Frame, ...]:
    """Return the places in an output, the most likely cause first.

    In a stack trace, the innermost call comes first. If errors are chained, the trace of the cause comes first. Errors
    come before warnings, and these before notes and summaries; otherwise the order of the text is kept. Each line of a
    file is returned once. Of a long output, only the start and the end are read.
    """
    reader = _Reader()
    if len(text) > FIRST + LAST:
        text = f"{text[:FIRST]}\n{text[-LAST:]}"
    for line in _ESCAPES.sub("", text).splitlines():
        reader.read(line if len(line) <= MAX_LINE else "")
    found: dict[tuple[str, int | str], Frame] = {}
    for trace in sorted(reader.traces(), key=lambda each: each.rank):
        for each in trace.inner_first():
            found.setdefault((each.path, each.line or each.function), each)
    return tuple(found.values())


@dataclass(slots=True)
class _Trace:
    """Frames of one error, in the order of the text."""

    style: Style
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    rank: int = 0
    """0 for errors, 1 for warnings, 2 for notes, 3 for summaries."""
    before: bool = False
    """Whether this trace is the cause of the trace before it."""
    joined: bool = False
    """Whether this trace and the one before it belong to one error."""

    def inner_first(self) -> Iterator[Frame]:
        ordered: Iterable[Frame] = reversed(self.frames) if self.style is Style.OUTER_FIRST else self.frames
        return (Frame(each.path, each.line, each.function, self.message) for each in ordered)


class _Reader:
    """Collects traces line by line."""

    def __init__(self) -> None:
        self._traces: list[_Trace] = []
        self._open: _Trace | None = None
        self._message = ""
        """The last message that belongs to no trace yet."""
        self._above = ""
        """The line before."""
        self._awaited = False
        """Whether the next line with text is a message."""
        self._file = ""
        """The path that eslint has printed last."""
        self._in_traceback = False
        """Whether the lines belong to a traceback of Python."""
        self._link = ""
        """Which trace is the cause of the other: the last one (`above`), the next one (`below`), or neither (empty)."""

    def traces(self) -> list[_Trace]:
        """Return all traces, causes before their consequences."""
        chains: list[list[_Trace]] = []
        for each in self._traces:
            if each.joined and chains:
                chains[-1].insert(0 if each.before else len(chains[-1]), each)
            else:
                chains.append([each])
        return [each for chain in chains for each in chain]

    def read(self, line: str) -> None:
        """Read the next line."""
        if BREAK.search(line):
            self._break(line)
        elif NEXT_STACK.match(line):
            self._open = None
        found = None
        if _MAY_NAME_A_PLACE.search(line):
            found = next(((each, match) for each in FORMATS if (match := each.regex.match(line))), None)
        if found is not None and not (self._awaited and found[0].style is Style.DIAGNOSTIC):
            self._place(*found)
        elif (match := ESLINT_LINE.match(line)) and self._file:
            self._add(Style.DIAGNOSTIC, Frame(self._file, int(match["line"])), match["message"], match["severity"])
        elif line.strip() and not TITLE.match(line):
            self._text(line)
        if line.strip():
            self._above = line

    def _break(self, line: str) -> None:
        self._open, self._message, self._awaited = None, "", bool(TITLE.match(line))
        self._in_traceback = "Traceback" in line
        if CAUSE_ABOVE.match(line):
            self._link = "above"
        elif CAUSE_BELOW.match(line):
            self._link = "below"
        elif not self._in_traceback:
            self._link = ""

    def _place(self, form: Format, match: re.Match[str]) -> None:
        """Add a place that a line names."""
        groups = match.groupdict()
        function = (groups.get("function") or "").strip()
        if not function and form.function_above and (above := form.function_above.match(self._above)):
            function = above["function"]
        path = groups["path"]
        if form.style is Style.INNER_FIRST and "." in function and re.search(r"\.(?:java|kts?|scala|groovy)$", path):
            # A Java frame has only the name of the file. The package gives its folders.
            packages = [each for each in function.split(".")[:-2] if each[:1].islower()]
            path = "/".join([*packages, path])
        elif form.style is Style.SUMMARY and "." not in path:
            path += ".java"
        message = groups.get("message") or ""
        ended = form.ends and bool(message)
        if ended and self._message:
            message, self._message = self._message, ""
        if form.message_above:
            above_it = _LABEL.match(self._above.strip())
            groups["severity"], message = ("", "") if above_it is None else (above_it["label"], above_it["rest"])
        self._add(
            form.style, Frame(path, int(groups.get("line") or 0), function), message, groups.get("severity") or ""
        )
        self._awaited = form.message_below
        if ended:
            self._open = None

    def _add(self, style: Style, frame: Frame, message: str, severity: str) -> None:
        stack = style in (Style.OUTER_FIRST, Style.INNER_FIRST)
        if self._open is None or self._open.style is not style or not stack:
            rank = 3 if style is Style.SUMMARY else _rank(severity.lower(), message)
            if rank == 2 and self._open is not None and self._open.frames[-1].line == frame.line:
                # gcc's note about the same line belongs to the error.
                self._open.message += f"; {message}"
                return
            link, self._link = (self._link, "") if stack else ("", self._link)
            self._open = _Trace(style, rank=rank, before=link == "below", joined=bool(link))
            self._traces.append(self._open)
            if stack and not message:
                message, self._message = self._message, ""
        self._open.frames.append(frame)
        if message and not self._open.message:
            self._open.message = message

    def _text(self, line: str) -> None:
        """Read a line that names no place."""
        trace = self._open
        if trace is not None and trace.style is Style.DIAGNOSTIC and (detail := DETAIL.match(line)):
            text = " ".join(next(each for each in detail.groups() if each).split())
            trace.message = f"{trace.message}; {text}".removeprefix("; ")
        elif self._awaited:
            self._awaited = False
            self._say(line.strip())
        elif match := PYTEST_ERROR.match(line):
            self._pytest_error(match["message"])
        elif match := self._exception(line):
            self._say(match["message"])
        elif match := ESLINT_FILE.match(line):
            self._file = match["path"]

    def _exception(self, line: str) -> re.Match[str] | None:
        after_frames = self._in_traceback and self._open is not None
        return (
            EXCEPTION.match(line) or PANIC.match(line) or (ANY_PYTHON_EXCEPTION.match(line) if after_frames else None)
        )

    def _pytest_error(self, message: str) -> None:
        """Read a line of pytest that begins with `E`. The message is the first one, or the one with an exception."""
        if self._open is None:
            self._message = self._message or message
        elif not self._open.message or (EXCEPTION.match(message) and not EXCEPTION.match(self._open.message)):
            self._open.message = message

    def _say(self, message: str) -> None:
        """Give a message to the open trace. If that has one already, the message belongs to the next trace."""
        trace = self._open
        if trace is None or trace.message or trace.style not in (Style.OUTER_FIRST, Style.INNER_FIRST):
            self._open, self._message = None, message
            return
        trace.message = message
        if trace.style is Style.OUTER_FIRST:
            self._open = None


def _rank(severity: str, message: str) -> int:
    if severity in ("note", "help", "info"):
        return 2
    return 1 if severity == "warning" or re.match(r"\w*Warning\b", message) else 0
