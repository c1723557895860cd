"""All exceptions of slm-lsp. Each says what happened and what the user can do about it.

One place in `cli` maps them to exit codes, and one place in `server` maps them to LSP errors. The engine sends an error
over its socket as `kind` (the class name) and two texts; the client raises the same class again.
"""

import errno
import sqlite3
from typing import ClassVar

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}


class SlmError(Exception):
    """Base class of all errors that slm-lsp raises on purpose.

    Args:
        what: one sentence that says what happened.
        cure: one sentence that says what the user can do; empty if the user can do nothing.
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
        """The class name. It identifies the error in messages between processes and in `--json` output."""
        return type(self).__name__


class UsageError(SlmError):
    """The arguments are wrong: a missing file, a position outside the file, an unknown flag."""

    exit_code = 2


class InterruptedCommandError(SlmError):
    """The user interrupted a command with Ctrl-C. The text says what the command kept."""

    exit_code = 130


class ModelError(SlmError):
    """A model file or its download failed."""


class UnknownModelError(ModelError):
    """The given model name is neither a tier, nor a model in the catalogue, nor a file."""

    exit_code = 2


class ModelMissingError(ModelError):
    """The model is in the catalogue but is not installed."""


class ModelCorruptError(ModelError):
    """The size or hash of a model file is wrong, or no binding can read the file."""


class PullError(ModelError):
    """The model could not be downloaded from any source."""


class DiskFullError(ModelError):
    """The disk has less free space than the model needs."""


class EngineError(SlmError):
    """The engine process failed to handle a request."""


class EngineUnavailableError(EngineError):
    """No engine is running and a new one could not be started."""


class EngineLostError(EngineError):
    """The engine process ended while it was handling the request."""


class ModelRefusedError(EngineError):
    """The model crashed the engine twice. The engine loads it again only for an explicit request."""


class PromptTooLongError(EngineError):
    """The prompt and the maximum number of generated tokens do not fit into the model's context."""


class RequestCancelledError(EngineError):
    """The request was cancelled before it finished."""


class SandboxUnavailableError(SlmError):
    """Programs cannot be isolated on this machine, so slm-lsp does not run them."""


class PeerError(SlmError):
    """Another program, with which a benchmark compares slm-lsp, could not be downloaded, built or run."""


def error_of_kind(kind: str, what: str, cure: str) -> SlmError:
    """Return an error of the class that `kind` names, or an `EngineError` if this version has no such class."""
    pending: list[type[SlmError]] = [SlmError]
    while pending:
        candidate = pending.pop()
        if candidate.__name__ == kind:
            return candidate(what, cure)
        pending.extend(candidate.__subclasses__())
    return EngineError(what, cure)


class StaleEditError(SlmError):
    """The document has changed since the edit was made."""


class RenameRefusedError(SlmError):
    """A symbol cannot be renamed, or renaming it could change the meaning of the program."""


class ParseTimeoutError(SlmError):
    """Parsing a text exceeded its time limit."""


class ProjectIndexError(SlmError):
    """The project's index cannot be used. All other features work without it."""


class IndexMissingError(ProjectIndexError):
    """The workspace has no index, or its index has another schema version."""


class IndexBusyError(ProjectIndexError):
    """Another process holds the index's write lock."""


class IndexUnwritableError(ProjectIndexError):
    """The index cannot be written, for example because the disk is full or the user lacks permission."""


class StatisticsError(SlmError):
    """The statistics cannot be read, deleted or written as a page. Completions work without them."""


def cure_for_write_error(error: Exception, not_permitted: str) -> str:
    """Return one sentence that tells the user how to fix a failed write; empty if the cause is unknown.

    Args:
        error: an OSError or an error of sqlite3.
        not_permitted: the sentence to return if the user has no permission to write.
    """
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if getattr(error, "errno", None) in _DISK_FULL or primary == sqlite3.SQLITE_FULL:
        return "Free some space there."
    if getattr(error, "errno", None) in _NOT_PERMITTED or primary in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
    ):
        return not_permitted
    return ""
