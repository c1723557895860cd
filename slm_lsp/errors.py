"""The whole tree of errors: each says what happened and what to do next.

`cli` turns an error into an exit code and `server` into an LSP error, at one place each. Errors cross the engine's
socket by `kind` (the class name) and are raised again as the same class on the other side.
"""

import errno
import sqlite3
from typing import ClassVar

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}


class SlmError(Exception):
    """Base of everything we raise on purpose.

    Args:
        what: one sentence that says what happened.
        cure: one sentence that says what to do next; empty where there is nothing to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what, cure)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what}{'' if self.what.endswith(chr(10)) else ' '}{self.cure}".rstrip()

    @property
    def kind(self) -> str:
        """The class name, by which the error is known across processes and in `--json`."""
        return type(self).__name__


class UsageError(SlmError):
    """The caller asked for something that cannot be: a missing file, a position outside it, a wrong flag."""

    exit_code = 2


class InterruptedCommandError(SlmError):
    """The user ended a command with Ctrl-C; the text says what was kept."""

    exit_code = 130


class ModelError(SlmError):
    """Something is wrong with a model file or its download."""


class UnknownModelError(ModelError):
    """A name that is neither a tier, a model of the catalogue, nor a file."""

    exit_code = 2


class ModelMissingError(ModelError):
    """A known model that is not in the store."""


class ModelCorruptError(ModelError):
    """A model file whose size or hash is not what it should be, or that no binding can read."""


class PullError(ModelError):
    """No source gave the model."""


class DiskFullError(ModelError):
    """Less space is free than the model needs."""


class EngineError(SlmError):
    """The engine process could not do what was asked."""


class EngineUnavailableError(EngineError):
    """No engine runs and none could be started."""


class EngineLostError(EngineError):
    """The engine ended while a request was running."""


class ModelRefusedError(EngineError):
    """The model took the engine down twice; it is tried again only when asked for on purpose."""


class PromptTooLongError(EngineError):
    """The prompt and what may be generated do not fit the model's context."""


class RequestCancelledError(EngineError):
    """The request was cancelled before it was done."""


class SandboxUnavailableError(SlmError):
    """Programs cannot be isolated on this machine, so none is run."""


class PeerError(SlmError):
    """A peer that benchmarks measure against could not be fetched, built or run."""


def error_of_kind(kind: str, what: str, cure: str) -> SlmError:
    """The error that `kind` names; a plain `EngineError` for a kind this version does not know."""
    pending: list[type[SlmError]] = [SlmError]
    while pending:
        candidate = pending.pop()
        if candidate.__name__ == kind:
            return candidate(what, cure)
        pending.extend(candidate.__subclasses__())
    return EngineError(what, cure)


class ParseTimeoutError(SlmError):
    """A text took too long to parse."""


class ProjectIndexError(SlmError):
    """Something keeps the project's index from being used; everything else goes on without it."""


class IndexMissingError(ProjectIndexError):
    """There is no index that this version understands."""


class IndexBusyError(ProjectIndexError):
    """Another process writes the index."""


class IndexUnwritableError(ProjectIndexError):
    """The index cannot be written: no room, or no right."""


class StatisticsError(SlmError):
    """The statistics cannot be read, deleted or written as a page; completions go on without them."""


def cure_of_write(error: Exception, no_right: str) -> str:
    """What helps after something could not be written, by the cause that the system or SQLite gives.

    Args:
        error: an OSError or an error of sqlite3.
        no_right: the sentence for a place that this user may not write; it ends with a full stop.
    """
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if getattr(error, "errno", None) in NO_SPACE or primary == sqlite3.SQLITE_FULL:
        return "Free some space there."
    if getattr(error, "errno", None) in NO_RIGHT or primary in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
    ):
        return no_right
    return ""
