"""Counts how often the engine crashed with each model, in two small files beside the socket.

While a model is in use, its key is in the file `busy_path()`. An engine that finds this file when it starts knows that
the last engine of the same code crashed while it used that model.
"""

from pathlib import Path

import msgspec

from slm_lsp.engine.api import ModelRef
from slm_lsp.engine.paths import busy_path

MOST_BACKOFF_S = 30.0
"""Maximum delay before an engine is started again after crashes, in seconds."""


class CrashRecord:
    """Crash counts by model.

    Args:
        folder: the runtime folder.
        name: the engine's name; see `paths.engine_name`.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self._busy = busy_path(folder, name)
        self._file = folder / "crashes.json"
        self._counts = read_counts(folder)

    def take_stock(self) -> str | None:
        """If the last engine crashed, count the crash and return the key of the model it used; otherwise return None.

        Call this once, when the engine starts.
        """
        try:
            model = self._busy.read_text(encoding="utf-8")
        except OSError:
            return None
        self._busy.unlink(missing_ok=True)
        self._counts[model] = self._counts.get(model, 0) + 1
        self._write()
        return model

    def mark(self, model: ModelRef | None) -> None:
        """Record that the engine now uses `model`, or no model if `model` is None."""
        if model is None:
            self._busy.unlink(missing_ok=True)
        else:
            self._busy.write_text(model.key, encoding="utf-8")

    def count(self, model: ModelRef) -> int:
        """Return how often the engine crashed with `model` since the model last served a request."""
        return self._counts.get(model.key, 0)

    def forgive(self, model: ModelRef) -> None:
        """Set the crash count of a model to zero."""
        if self._counts.pop(model.key, None) is not None:
            self._write()

    def _write(self) -> None:
        self._file.write_bytes(msgspec.json.encode(self._counts))


def read_counts(folder: Path) -> dict[str, int]:
    """Return the crash counts by the model's key."""
    try:
        return msgspec.json.decode((folder / "crashes.json").read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def backoff_s(folder: Path) -> float:
    """Return the seconds to wait before an engine is started again: 0 after one crash, then 1, 2, 4 and so on."""
    worst = max(read_counts(folder).values(), default=0)
    return 0.0 if worst < 2 else min(2.0 ** (worst - 2), MOST_BACKOFF_S)
