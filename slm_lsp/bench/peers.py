"""`bench peers setup`: builds llama.cpp's server, with which the benchmarks compare the engine.

The source comes from the source archive of the installed version of llama-cpp-python, so the server and our engine run
the same revision. The result is one program in the user's cache folder. Only benchmarks use this program. If it is
missing, they skip the comparison with it.
"""

import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import platformdirs
from filelock import FileLock

from slm_lsp.bench.programs import Listener, run
from slm_lsp.errors import PeerError
from slm_lsp.platform.cores import cpu_features

DISTRIBUTION = "llama-cpp-python"
SERVER = "llama-server"
SETUP = "slm-lsp bench peers setup"
JOBS = 2
COMPILERS = ("c++", "g++", "clang++")

CMAKE_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",  # build a single file, which can be copied to another folder
    "-DGGML_NATIVE=ON",  # use all instruction sets of this processor; this is the default
    "-DLLAMA_OPENSSL=OFF",  # the server listens on this machine only and downloads nothing
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # otherwise the build downloads web pages
)

_NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
"""Compiler flags; see `slm_lsp.engine.backend.llama_cpp` for the reason."""

_PERCENT = re.compile(r"^\[\s*(\d+)%\]")
_STEP_PERCENT = 10
"""Minimum progress of the compilation between two messages about it, in percent."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of the files of the setup.

    Args:
        root: folder that contains one folder for each version.
        version: version of llama-cpp-python.
    """

    root: Path
    version: str

    @property
    def folder(self) -> Path:
        """Folder for this version of llama-cpp-python."""
        return self.root / f"{DISTRIBUTION}-{self.version}"

    @property
    def download(self) -> Path:
        """Folder of the source archive. It exists only during a download and after an interrupted download."""
        return self.folder / "download"

    @property
    def source(self) -> Path:
        """Folder of llama.cpp's source. It exists only during the build. If it exists, the source is complete."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """CMake's build folder. An interrupted build continues in it."""
        return self.folder / "build"

    @property
    def log(self) -> Path:
        """Log file with the output of pip, CMake and the compiler."""
        return self.folder / "setup.log"

    @property
    def binary(self) -> Path:
        """The built server program."""
        return self.folder / SERVER

    @property
    def stamp(self) -> Path:
        """File that contains the server's version. It is written when the setup is complete."""
        return self.folder / "ready"


def usual_layout() -> Layout:
    """Return the layout for the installed version of llama-cpp-python, in the user's cache."""
    return Layout(platformdirs.user_cache_path("slm-lsp") / "peers", version(DISTRIBUTION))


def server_binary(layout: Layout | None = None) -> Path | None:
    """Return the path of the server; None if it is not set up."""
    there = layout or usual_layout()
    ready = there.stamp.is_file() and os.access(there.binary, os.X_OK)
    return there.binary if ready else None


def setup(note: Listener, layout: Layout | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Fetch, build and test the server. Completed steps are skipped.

    Args:
        note: called with a line about each step.
        layout: paths of the files; by default in the user's cache.
        environ: environment variables of the programs that are run.

    Raises:
        PeerError: a tool is missing, or a step failed.
    """
    there = layout or usual_layout()
    there.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(there.folder / "setup.lock"), _disk_errors(there):
        if (found := server_binary(there)) is not None:
            note(f"{SERVER} of {DISTRIBUTION} {there.version} is already set up: {found}")
            return found
        cmake = find_tools(environ)
        if not there.source.is_dir():
            note(f"fetching the source of {DISTRIBUTION} {there.version} (about 80 MB)")
            fetch(there, environ)
        note(f"configuring {SERVER}")
        run(configure_command(cmake, there), there.log, environ)
        note(f"compiling {SERVER} with {JOBS} jobs, which takes about ten minutes on two cores")
        run(build_command(cmake, there), there.log, environ, percent_notes(note))
        install(there, environ)
        note(f"{SERVER} is ready: {there.binary}")
    return there.binary


def find_tools(environ: Mapping[str, str]) -> str:
    """Return the path of CMake, after checking that there is a compiler.

    Raises:
        PeerError: CMake or a compiler is missing.
    """
    # pip can install CMake beside our Python, in a folder that need not be on PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])
    cmake = shutil.which("cmake", path=path)
    if cmake is None:
        raise PeerError(
            f"CMake is not installed. It is needed to build {SERVER}.",
            "Install CMake (Debian, Ubuntu: apt-get install cmake; macOS: brew install cmake) and run this again.",
        )
    compilers = (environ["CXX"].split()[0],) if environ.get("CXX") else COMPILERS
    if not any(shutil.which(each, path=path) for each in compilers):
        raise PeerError(
            f"No C++ compiler is installed (looked for {', '.join(compilers)}).",
            "Install a compiler (Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install) "
            "and run this again.",
        )
    return cmake


def download_command(there: Layout) -> list[str]:
    """Return the pip command that downloads the source archive from the configured index.

    To read the archive's metadata, pip installs the package's build tools into a temporary folder. The build tools may
    be wheels, so `--no-binary` names only the package itself.
    """
    return [
        sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-binary", DISTRIBUTION, "--no-input",
        "--disable-pip-version-check", "--progress-bar", "off", "-d", str(there.download),
        f"{DISTRIBUTION}=={there.version}",
    ]  # fmt: skip


def configure_command(cmake: str, there: Layout) -> list[str]:
    """Return the command that configures the build."""
    without = (f"-DCMAKE_{each}_FLAGS={_NO_AMX}" for each in ("C", "CXX") if "amx_tile" in cpu_features())
    return [cmake, "-S", str(there.source), "-B", str(there.build), *CMAKE_OPTIONS, *without]


def build_command(cmake: str, there: Layout) -> list[str]:
    """Return the command that builds the server."""
    return [cmake, "--build", str(there.build), "--config", "Release", "--target", SERVER, "-j", str(JOBS)]


def fetch(there: Layout, environ: Mapping[str, str]) -> None:
    """Download the archive and extract llama.cpp from it."""
    shutil.rmtree(there.download, ignore_errors=True)
    there.download.mkdir()
    run(download_command(there), there.log, environ)
    archive = next(there.download.glob("*.tar.gz"), None)
    if archive is None:
        what = f"pip did not download a source archive of {DISTRIBUTION} {there.version}."
        raise PeerError(what, f"See {there.log}.")
    unpacked = there.download / "source"
    unpack(archive, unpacked)
    unpacked.replace(there.source)
    shutil.rmtree(there.download)


def unpack(archive: Path, target: Path) -> None:
    """Extract the files of `vendor/llama.cpp` from the archive into `target`.

    Raises:
        PeerError: the archive has no such files, or is damaged.
    """
    found = False
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                inside = path_inside(member.name)
                content = tar.extractfile(member) if inside is not None and member.isfile() else None
                if inside is None or content is None:
                    continue
                path = target / inside
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(content, file)
                found = found or path.name == "CMakeLists.txt"
    except (tarfile.TarError, EOFError) as error:
        raise PeerError(f"{archive.name} is damaged: {error}.", f"Run `{SETUP}` again.") from error
    if not found:
        raise PeerError(f"{archive.name} contains no source of llama.cpp.")


def path_inside(name: str) -> PurePosixPath | None:
    """Return the path of an archive member inside llama.cpp's source; None if it is not part of the source."""
    parts = PurePosixPath(name).parts
    # `.git` refers to a repository that is not in the archive, which makes CMake's scripts fail.
    if parts[1:3] != ("vendor", "llama.cpp") or len(parts) == 3 or ".." in parts or ".git" in parts:
        return None
    return PurePosixPath(*parts[3:])


def install(there: Layout, environ: Mapping[str, str]) -> None:
    """Test the built server, copy it and its licence, and delete the folders of the source and the build (350 MB)."""
    built = next((each for each in there.build.rglob(SERVER) if each.is_file()), None)
    if built is None:
        raise PeerError(f"The build did not create {SERVER}.", f"See {there.log}.")
    printed = run([str(built), "--version"], there.log, environ)
    shutil.copy2(built, there.binary)
    licence = there.source / "LICENSE"
    if licence.is_file():
        shutil.copy2(licence, there.folder / "LICENSE")
    there.stamp.write_text("\n".join(printed) + "\n", encoding="utf-8")
    shutil.rmtree(there.build)
    shutil.rmtree(there.source)


def percent_notes(note: Listener) -> Listener:
    """Return a listener for the build's output that calls `note` after every ten percent of the build."""
    noted = 0

    def listen(line: str) -> None:
        nonlocal noted
        match = _PERCENT.match(line)
        if match and int(match[1]) >= noted + _STEP_PERCENT:
            noted = int(match[1]) // _STEP_PERCENT * _STEP_PERCENT
            note(f"compiling {SERVER}: {noted} %")

    return listen


@contextmanager
def _disk_errors(there: Layout) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PeerError(f"{there.folder} cannot be written: {error.strerror}.", "Setup needs 1 GB of space.") from error
