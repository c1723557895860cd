"""Which model took the engine down, and how often: two small files beside the socket.

While a model is at work, its path is in the file `busy_path()`. An engine that finds this file when it starts knows
that the last engine of the same code died while it used that model.
"""

from pathlib import Path

import msgspec

from slm_lsp.engine.paths import busy_path

MOST_BACKOFF_S = 30.0


class CrashRecord:
    """Crashes by model, as one engine sees them.

    Args:
        folder: the runtime folder.
        name: of the engine, see `paths.engine_name`.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self._busy = busy_path(folder, name)
        self._file = folder / "crashes.json"
        self._counts = read_counts(folder)

    def take_stock(self) -> Path | None:
        """Count the model the last engine died over, if it died; to be called once, at the start."""
        try:
            culprit = Path(self._busy.read_text())
        except OSError:
            return None
        self._busy.unlink(missing_ok=True)
        self._counts[str(culprit)] = self.count(culprit) + 1
        self._write()
        return culprit

    def mark(self, model: Path | None) -> None:
        """`model` is at work; None: nothing is."""
        if model is None:
            self._busy.unlink(missing_ok=True)
        else:
            self._busy.write_text(str(model))

    def count(self, model: Path) -> int:
        """How often `model` took an engine down without serving a request in between."""
        return self._counts.get(str(model), 0)

    def forgive(self, model: Path) -> None:
        """Start counting afresh."""
        if self._counts.pop(str(model), None) is not None:
            self._write()

    def _write(self) -> None:
        self._file.write_bytes(msgspec.json.encode(self._counts))


def read_counts(folder: Path) -> dict[str, int]:
    """Crashes by the model's path."""
    try:
        return msgspec.json.decode((folder / "crashes.json").read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def backoff_s(folder: Path) -> float:
    """Seconds to wait before an engine is started again: none after one crash, then 1, 2, 4 and so on."""
    worst = max(read_counts(folder).values(), default=0)
    return 0.0 if worst < 2 else min(2.0 ** (worst - 2), MOST_BACKOFF_S)
