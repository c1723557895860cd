"""`bench index`: duration of the first build of an index, and time from a save to the updated index.

The build is compared with bare parsing of the same files.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import psutil

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import Report
from slm_lsp.bench.trees import Tree, copy_sources
from slm_lsp.errors import PeerError
from slm_lsp.index.client import IndexerClient
from slm_lsp.index.database import index_dir
from slm_lsp.index.process import IndexerState
from slm_lsp.index.reader import Reader, Totals

PEER = "bare tree-sitter parsing in one process"
LINES = 1_000_000
"""Number of lines in the project that is indexed."""

SAVES = 60
"""Number of measured saves."""

SAVED_LINES = 1_000
"""Only files with fewer lines than this are saved."""

SAMPLE_S = 0.05
POLL_S = 0.001
PATIENCE_S = 300.0
MEGABYTE = 1e6
MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class IndexReport(Report):
    """A report with the size of the indexed project."""

    lines_indexed: int

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        ours, peer = self.ours, self.peer
        yield f"  {self.lines_indexed} lines; first build {ours['seconds']:.1f} s, {PEER} {peer['seconds']:.1f} s"
        yield f"  speed divided by the peer's: {self.ratio:.2f}"
        yield f"  processor time of all cores: {ours['processor_s']:.1f} s and {peer['processor_s']:.1f} s"
        yield f"  from a save to the updated index: p50 {ours['save_p50_ms']:.0f} ms, p95 {ours['save_p95_ms']:.0f} ms"
        yield f"  peak memory {self.ours['peak_mb']:.0f} MB; database {self.ours['bytes_per_line']:.0f} bytes per line"


async def run(conditions: Conditions) -> IndexReport:
    """Parse all files and build the index alternately, `runs` times. Then measure saves."""
    with tempfile.TemporaryDirectory(prefix="slm-lsp-index-") as folder:
        base = Path(folder)
        tree = copy_sources(base / "tree", LINES)
        conditions.note(f"{len(tree.files)} files, {tree.lines} lines")
        ours: list[Took] = []
        theirs: list[Took] = []
        peaks: list[float] = []
        environ = os.environ | {"XDG_CACHE_HOME": str(base / "cache")}
        for number in range(conditions.runs):
            theirs.append(_parse(tree))
            environ["XDG_CACHE_HOME"] = str(base / f"cache{number}")
            took, peak = await asyncio.to_thread(_build, tree, environ)
            ours.append(took)
            peaks.append(peak)
            figures = f"ours {took.seconds:.1f} s, {peak:.0f} MB, {PEER} {theirs[-1].seconds:.1f} s"
            conditions.note(f"{number + 1}/{conditions.runs}: {figures}")
        cache = Path(environ["XDG_CACHE_HOME"]) / "slm-lsp"
        totals = _totals(tree.root, cache)
        saves = await _saves(tree, environ, cache)
    found = sorted(saves)
    our_s, their_s = (median(each.seconds for each in side) for side in (ours, theirs))
    our_processor_s, their_processor_s = (median(each.processor_s for each in side) for side in (ours, theirs))
    return IndexReport(
        name="index",
        runs=conditions.runs,
        ours={
            "seconds": our_s,
            "processor_s": our_processor_s,
            "lines_per_s": tree.lines / our_s,
            "save_p50_ms": median(found),
            "save_p95_ms": quantiles(found, n=20)[-1],
            "peak_mb": max(peaks),
            "bytes_per_line": totals.database_bytes / max(totals.lines, 1),
        },
        peer={
            "name": PEER,
            "seconds": their_s,
            "processor_s": their_processor_s,
            "lines_per_s": tree.lines / their_s,
        },
        ratio=median(their.seconds / our.seconds for our, their in zip(ours, theirs, strict=True)),
        unit="lines/s",
        lines_indexed=tree.lines,
    )


@dataclass(frozen=True, slots=True)
class Took:
    """Duration in seconds, and processor time of all cores. Other programs influence the processor time less."""

    seconds: float
    processor_s: float


def _parse(tree: Tree) -> Took:
    """Parse all files with the peer and return its times."""
    command = [sys.executable, "-m", "slm_lsp.bench.bare_parse", str(tree.root)]
    done = subprocess.run(command, input="\n".join(tree.files), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"Bare parsing failed: {done.stderr.strip()[-200:]}")
    return Took(**json.loads(done.stdout))


def _build(tree: Tree, environ: dict[str, str]) -> tuple[Took, float]:
    """Build the index in a new process. Return the times, and the peak memory of the process and its workers in MB."""
    start, begun = time.perf_counter(), _processor_s()
    command = [sys.executable, "-m", "slm_lsp.cli.main", "index", str(tree.root), "-q", "--json"]
    process = psutil.Popen(command, env=environ, stdout=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _held(process))
        time.sleep(SAMPLE_S)
    seconds = time.perf_counter() - start
    process.communicate()
    if process.returncode != 0:
        raise PeerError(f"Building the index failed with exit code {process.returncode}.")
    return Took(seconds, _processor_s() - begun), peak / MEGABYTE


def _processor_s() -> float:
    """Return the processor time in seconds of child processes that have ended, and of their children."""
    used = os.times()
    return used.children_user + used.children_system


def _held(process: psutil.Process) -> float:
    """Return the memory of a process and its children in bytes. If possible, memory that they share is counted once."""
    held = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            info = each.memory_full_info()
        except (psutil.Error, OSError):
            continue
        held += getattr(info, "pss", info.rss)
    return held


def _totals(root: Path, cache: Path) -> Totals:
    reader = Reader(index_dir(root, cache))
    try:
        return reader.totals()
    finally:
        reader.close()


async def _saves(tree: Tree, environ: dict[str, str], cache: Path) -> list[float]:
    """Save files with the server's indexer running. Return the milliseconds from each save to the updated index."""
    states: list[IndexerState] = []
    client = IndexerClient(tree.root, states.append, environ)
    folder = index_dir(tree.root, cache)
    client.start(folder)
    try:
        await _until(lambda: bool(states) and states[-1].state == "ready")
        reader = Reader(folder)
        took: list[float] = []
        small = [path for path in tree.files if (tree.root / path).read_bytes().count(b"\n") < SAVED_LINES]
        for number in range(SAVES):
            path = small[number * len(small) // SAVES]
            name = f"benchmark_marker_{number}"
            with (tree.root / path).open("a") as file:
                file.write(f"\n\ndef {name}():\n    pass\n")
            start = time.perf_counter()
            client.changed([path])
            await _until(lambda name=name: bool(reader.named([name], 1)))  # type: ignore[misc]
            took.append((time.perf_counter() - start) * MILLISECONDS)
            await asyncio.sleep(SAMPLE_S)
        reader.close()
        return took
    finally:
        await client.stop()


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise PeerError("The indexer did not finish in time.")
        await asyncio.sleep(POLL_S)
