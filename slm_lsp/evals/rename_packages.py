"""Real packages for `eval rename`, pinned by version and hash. Each has a check: its own tests, or its own types.

Python packages are wheels that contain their tests; pip downloads them. The npm package contains its TypeScript source,
which the pinned compiler checks; `npm pack` downloads both. Nothing is installed, and all code runs in the sandbox.
"""

import os
import re
import shutil
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from slm_lsp.errors import SlmError
from slm_lsp.evals.packages import MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, Package, fetch, usual_root
from slm_lsp.models.files import hash_file
from slm_lsp.models.parts import Run, run_command
from slm_lsp.sandbox.outcome import GIB, Limits, Outcome

LIMITS = Limits(cpu_s=120, wall_s=180, memory_bytes=2 * GIB, processes=128)

NPM_CURE = "Install Node.js and connect to a package registry."

_DURATION = re.compile(rb" in [0-9.]+s")


@dataclass(frozen=True, slots=True)
class Checked:
    """A package on this machine and the command that checks it.

    Args:
        name: name of the package.
        root: folder of its files.
        argv: the command; it runs in a copy of the files.
        readable: files outside of the package that the command needs.
        extra: further files, by their path.
        is_test: pattern of the paths whose symbols are not renamed.
    """

    name: str
    root: Path
    argv: tuple[str, ...]
    readable: tuple[Path, ...]
    extra: Mapping[str, str | Path]
    is_test: re.Pattern[str]

    def result(self, outcome: Outcome) -> tuple[int | None, bytes]:
        """Return what must be equal before and after a renaming: exit status and output, without times."""
        return outcome.exit, _DURATION.sub(b"", outcome.stdout)


PYTHON = (
    Package("pyflakes", "4.1.0", "b2e05e6bac8e49b67be2a6ffa63422c60f7193fc72e8180255907b41ec997dc1"),
    Package("toolz", "1.2.0", "890f820b1cb8152785aaf9386d8707770110809035800985ca65cb24ce1120ef"),
)
"""Wheels of pure Python that contain their tests, which need only pytest."""

IMMER = Package("immer", "10.1.3", "e90f3e2b43d285138886fe2810b1ec1d6773a64a483c0397677d6f241aeccf18")
TYPESCRIPT = Package("typescript", "5.9.3", "10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3")

SITE = ".site"
"""Folder with the Python packages that a check needs."""

PYTEST_MODULES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")

PROCESS = "declare const process: {env: Record<string, string | undefined>}\n"
"""Declares the one name of Node.js that immer uses."""

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rN", f"--ignore={SITE}")

TSCONFIG = """{
  "compilerOptions": {
    "target": "ES2020", "module": "ESNext", "moduleResolution": "node", "lib": ["ES2020"], "strict": true,
    "noEmit": true, "skipLibCheck": true, "types": []
  },
  "include": ["."]
}
"""


def fetch_checked(
    root: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    note: Callable[[str], None] = lambda _: None,
    run: Run = run_command,
) -> list[Checked]:
    """Return the packages; download those that are not in the cache.

    Args:
        root: the cache folder; by default in the user's cache.
        environ: environment variables of pip and npm.
        note: called with a line about each download.
        run: runs pip and npm.

    Raises:
        SlmError: a package cannot be downloaded, or its hash is not the pinned one.
    """
    cache = root or usual_root()
    found = []
    for each in PYTHON:
        folder = fetch(each, cache, environ=environ, note=note, run=run)
        argv = (str(Path(sys.executable).resolve()), *PYTEST)
        is_test = re.compile(r"/tests?/|conftest")
        found.append(Checked(each.name, folder, argv, (Path(sys.base_prefix),), pytest_files(), is_test))
    compiler = fetch_npm(TYPESCRIPT, cache, environ=environ, note=note, run=run)
    immer = fetch_npm(IMMER, cache, environ=environ, note=note, run=run)
    compiling = ("node", str(compiler / "lib" / "tsc.js"), "-p", ".")
    extra = {"tsconfig.json": TSCONFIG, "process.d.ts": PROCESS}
    # The other folders of the package contain the output of its build.
    found.append(Checked(IMMER.name, immer / "src", compiling, (compiler,), extra, re.compile(r"\.flow$")))
    return found


def pytest_files() -> dict[str, str | Path]:
    """Return pytest's own files, by their path in the copy of a package, which is below `SITE`.

    Raises:
        SlmError: pytest is not installed.
    """
    files: dict[str, str | Path] = {}
    for module in PYTEST_MODULES:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise SlmError("pytest is not installed.", "Install the extra `dev` of slm-lsp.")
        origin = Path(spec.origin)
        sources = origin.parent.rglob("*.py") if spec.submodule_search_locations else [origin]
        files |= {f"{SITE}/{each.relative_to(_top(origin)).as_posix()}": each for each in sources}
    return files


def _top(origin: Path) -> Path:
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


def fetch_npm(
    package: Package,
    root: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    note: Callable[[str], None] = lambda _: None,
    run: Run = run_command,
) -> Path:
    """Return the folder with the files of an npm package. If the folder is missing, create it atomically."""
    target = root / f"npm-{package.folder}"
    if target.is_dir():
        return target
    note(f"fetching {package.name} {package.version}")
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".new-", dir=root) as scratch:
        folder = Path(scratch)
        wanted = f"{package.name}@{package.version}"
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), wanted]
        try:
            ended = run(command, folder=folder, environ=environ, tick=lambda: None)
        except OSError as error:
            raise SlmError(f"npm cannot be started: {error.strerror}.", NPM_CURE) from error
        archives = sorted(folder.glob("*.tgz"))
        if ended.status != 0 or len(archives) != 1:
            raise SlmError(f"npm could not download {wanted}.", NPM_CURE)
        if (found := hash_file(archives[0])) != package.sha256:
            raise SlmError(
                f"{archives[0].name} is not the pinned file: its SHA-256 is {found}.",
                "Contact the operator of the package registry.",
            )
        unpack_npm(archives[0], folder / "files")
        (folder / "files").rename(target)
    return target


def unpack_npm(archive: Path, target: Path) -> None:
    """Extract the regular files of an npm package, which are in the folder `package`, into `target`.

    Raises:
        SlmError: the archive is damaged or exceeds a limit.
    """
    try:
        with tarfile.open(archive) as content:
            members = [each for each in content.getmembers() if each.isfile()]
            too_large = any(each.size > 8 * MAX_FILE_BYTES for each in members)
            if too_large or len(members) > MAX_FILES or sum(each.size for each in members) > MAX_BYTES:
                raise SlmError(f"{archive.name} exceeds the limits on number and size of files.")
            for member in members:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
                    raise SlmError(f"{archive.name} contains a path outside of its folder: {member.name!r}.")
                place = target.joinpath(*path.parts[1:])
                place.parent.mkdir(parents=True, exist_ok=True)
                source = content.extractfile(member)
                if source is not None:
                    with source, place.open("wb") as file:
                        shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SlmError(f"{archive.name} is damaged: {error}.", "Run the command again.") from error


def names_of(packages: Sequence[Checked]) -> str:
    """Return the names of packages, for a heading."""
    return ", ".join(each.name for each in packages)
