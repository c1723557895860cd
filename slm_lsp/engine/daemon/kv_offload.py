"""The KV cells of idle documents, on disk: restoring them is much faster than evaluating the prompt again.

Attention reads every cell of the context up to the last one in use. If the cells of idle documents stayed there, each
visited file would slow all later ones down. So the context holds only what is being worked on, and the rest is here.

The KV cells of a prompt of 1,500 tokens of the fast model take 18 MB. The files have no name, so that nobody else can
open them and nothing is left of them when the engine ends, however it ends.
"""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from slm_lsp.engine.daemon.plan import common_prefix
from slm_lsp.engine.daemon.prompt import Prompt

log = logging.getLogger(__name__)

MIN_PARKED = 32
"""Prompts with fewer tokens are evaluated again: that is one batch. Saving and restoring 600 tokens of the fast model
takes about 10 ms; evaluating them takes 3 to 10 s on the machines in docs/benchmarks.md."""


SAME_TEXT = 0.75
"""Two prompts with at least this share of the shorter one in common are two states of one document."""


@dataclass(frozen=True, slots=True, eq=False)
class Parked:
    """The cells of one prompt, as a fresh evaluation made them."""

    prompt: Prompt
    file: IO[bytes]
    size: int
    """Bytes."""


class Parking:
    """KV cells of one model saved on disk. When `limit` is reached, the oldest entry is deleted.

    Args:
        folder: for the files; made when first needed.
        limit: bytes; 0: nothing is kept.
        least: tokens that are worth it.
    """

    def __init__(self, folder: Path, limit: int, least: int = MIN_PARKED) -> None:
        self._folder, self._limit, self.least = folder, limit, least
        self._parked: list[Parked] = []

    @property
    def open(self) -> bool:
        """Whether anything is kept."""
        return self._limit > 0

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(each.size for each in self._parked)

    def count(self) -> int:
        """How many prompts are kept."""
        return len(self._parked)

    def put(self, prompt: Prompt, cells: bytearray) -> None:
        """Keep the cells of a prompt; those of an earlier state of the same text go."""
        for each in [each for each in self._parked if _same_text(each.prompt.tokens, prompt.tokens)]:
            self._drop(each)
        if len(cells) > self._limit:
            return
        while self.size + len(cells) > self._limit:
            self._drop(self._parked[0])
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by `_drop`
        except OSError as error:
            self._give_up(error)
            return
        parked = Parked(prompt, file, len(cells))
        self._parked.append(parked)
        try:
            _write(file, cells)
        except OSError as error:
            self._drop(parked)
            self._give_up(error)

    def best(self, wanted: Sequence[int]) -> tuple[Parked, int] | None:
        """What begins with the most of some tokens, and how many these are; None where nothing does."""
        found = [(each, common_prefix(each.prompt.tokens, wanted)) for each in self._parked]
        best = max(found, key=lambda each: each[1], default=None)
        return best if best is not None and best[1] > 0 else None

    def take(self, parked: Parked) -> bytearray | None:
        """The cells, which are then not kept any more; None where they have gone since, or cannot be read."""
        if parked not in self._parked:
            return None
        cells = bytearray(parked.size)
        try:
            parked.file.seek(0)
            view, read = memoryview(cells), 0
            while read < parked.size and (count := parked.file.readinto(view[read:])):  # type: ignore[attr-defined]
                read += count
        except OSError as error:
            log.warning("KV cells on disk cannot be read: %s", error)
            return None
        finally:
            self._drop(parked)
        return cells if read == parked.size else None

    def close(self) -> None:
        """Give everything up."""
        for each in self._parked.copy():
            self._drop(each)

    def _drop(self, parked: Parked) -> None:
        self._parked.remove(parked)
        parked.file.close()

    def _give_up(self, error: OSError) -> None:
        log.warning("KV cells are not kept on disk any more: %s", error)
        self._limit = 0
        self.close()


def _write(file: IO[bytes], cells: bytearray) -> None:
    view = memoryview(cells)
    while view:
        view = view[file.write(view) :]


def _same_text(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two prompts are states of one document: other documents may begin with the same snippets."""
    return common_prefix(one, other) >= SAME_TEXT * min(len(one), len(other))
