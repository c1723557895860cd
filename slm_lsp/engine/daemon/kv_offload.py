"""Saves the KV cells of idle documents on disk, because restoring them is much faster than evaluating the prompt again.

Attention reads every cell of the context up to the last one in use. If the cells of idle documents stayed in the
context, each visited file would slow down all later ones. So the context holds only the documents that are being
worked on, and this module saves the cells of the others on disk.

The KV cells of a prompt of 1,500 tokens of the fast model take 18 MB. The files have no name, so no other process can
open them, and the system deletes them when the engine ends for whatever reason.
"""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from slm_lsp.engine.daemon.plan import common_prefix

log = logging.getLogger(__name__)

MIN_OFFLOADED = 32
"""Minimum length, in tokens, of a prompt whose cells are saved. A shorter prompt is evaluated again in one batch.
Saving and restoring 600 tokens of the fast model takes about 10 ms; evaluating them takes 3 to 10 s on the machines in
docs/benchmarks.md."""

SAME_TEXT = 0.75
"""Two prompts count as states of one document if they begin alike for at least this share of the shorter prompt."""


@dataclass(frozen=True, slots=True, eq=False)
class OffloadedCells:
    """The cells of one prompt."""

    tokens: tuple[int, ...]
    file: IO[bytes]
    size: int
    """Size of the file in bytes."""


class KvOffload:
    """KV cells of one model saved on disk. When `limit` is reached, the oldest entry is deleted.

    Args:
        folder: folder of the files; created when first needed.
        limit: maximum size in bytes; 0: save nothing.
        min_tokens: minimum number of tokens that is worth saving or restoring.
    """

    def __init__(self, folder: Path, limit: int, min_tokens: int = MIN_OFFLOADED) -> None:
        self._folder, self._limit, self.min_tokens = folder, limit, min_tokens
        self._entries: list[OffloadedCells] = []

    @property
    def enabled(self) -> bool:
        """Whether cells are saved at all; False after writing to the disk has failed."""
        return self._limit > 0

    @property
    def size(self) -> int:
        """Total size of the saved cells in bytes."""
        return sum(each.size for each in self._entries)

    def count(self) -> int:
        """Return the number of saved prompts."""
        return len(self._entries)

    def put(self, tokens: tuple[int, ...], cells: bytearray) -> None:
        """Save the cells of a prompt and delete those of an earlier state of the same text."""
        for each in [each for each in self._entries if _same_text(each.tokens, tokens)]:
            self._delete(each)
        if len(cells) > self._limit:
            return
        while self.size + len(cells) > self._limit:
            self._delete(self._entries[0])
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by `_delete`
        except OSError as error:
            self._disable(error)
            return
        entry = OffloadedCells(tokens, file, len(cells))
        self._entries.append(entry)
        try:
            _write(file, cells)
        except OSError as error:
            self._delete(entry)
            self._disable(error)

    def best(self, wanted: Sequence[int]) -> tuple[OffloadedCells, int] | None:
        """Return the entry with the longest beginning in common with `wanted`, and the length of that beginning.

        Return None if no entry begins like `wanted`.
        """
        found = [(each, common_prefix(each.tokens, wanted)) for each in self._entries]
        best = max(found, key=lambda each: each[1], default=None)
        return best if best is not None and best[1] > 0 else None

    def take(self, entry: OffloadedCells) -> bytearray | None:
        """Return the cells of an entry and delete the entry. Return None if it was deleted before or cannot be read."""
        if entry not in self._entries:
            return None
        cells = bytearray(entry.size)
        try:
            entry.file.seek(0)
            view, read = memoryview(cells), 0
            while read < entry.size and (count := entry.file.readinto(view[read:])):  # type: ignore[attr-defined]
                read += count
        except OSError as error:
            log.warning("offloaded KV cells cannot be read: %s", error)
            return None
        finally:
            self._delete(entry)
        return cells if read == entry.size else None

    def close(self) -> None:
        """Delete all saved cells."""
        for each in self._entries.copy():
            self._delete(each)

    def _delete(self, entry: OffloadedCells) -> None:
        self._entries.remove(entry)
        entry.file.close()

    def _disable(self, error: OSError) -> None:
        log.warning("KV cells are no longer saved on disk: %s", error)
        self._limit = 0
        self.close()


def _write(file: IO[bytes], cells: bytearray) -> None:
    view = memoryview(cells)
    while view:
        view = view[file.write(view) :]


def _same_text(one: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether two prompts are states of one document. Different documents may begin with the same snippets."""
    return common_prefix(one, other) >= SAME_TEXT * min(len(one), len(other))
