"""`bench peers setup`: builds llama.cpp's own server, which benchmarks measure us against.

The source is the one that the installed llama-cpp-python was built from, out of that package's source archive, so
that both sides run the same revision. What comes out is one program in the user's cache folder; nothing of ours needs
it, and benchmarks leave this peer out where it is missing.
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
    "-DBUILD_SHARED_LIBS=OFF",  # one program that can be moved, without libraries beside it
    "-DGGML_NATIVE=ON",  # every instruction set of this processor, as by default
    "-DLLAMA_OPENSSL=OFF",  # it listens on this machine only, and fetches nothing
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # otherwise the build downloads web pages
)

_NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
"""For the compilers; `slm_lsp.engine.backend.llama_cpp` says why."""

_PERCENT = re.compile(r"^\[\s*(\d+)%\]")
_STEP_PERCENT = 10
"""How often a line says how far compiling is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of the peer are.

    Args:
        root: the folder of all peers.
        version: of llama-cpp-python.
    """

    root: Path
    version: str

    @property
    def folder(self) -> Path:
        """All of this version."""
        return self.root / f"{DISTRIBUTION}-{self.version}"

    @property
    def download(self) -> Path:
        """For the source archive; empty unless a download broke off."""
        return self.folder / "download"

    @property
    def source(self) -> Path:
        """llama.cpp; it is there only while it is needed, and then it is whole."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """CMake's folder; an interrupted build goes on in it."""
        return self.folder / "build"

    @property
    def log(self) -> Path:
        """What pip, CMake and the compiler print."""
        return self.folder / "setup.log"

    @property
    def binary(self) -> Path:
        """The server."""
        return self.folder / SERVER

    @property
    def stamp(self) -> Path:
        """What the server says of its version; written when everything is done."""
        return self.folder / "ready"


def usual_layout() -> Layout:
    """The peer of the installed llama-cpp-python, in the user's cache."""
    return Layout(platformdirs.user_cache_path("slm-lsp") / "peers", version(DISTRIBUTION))


def server_binary(layout: Layout | None = None) -> Path | None:
    """The server, where it is set up."""
    there = layout or usual_layout()
    ready = there.stamp.is_file() and os.access(there.binary, os.X_OK)
    return there.binary if ready else None


def setup(note: Listener, layout: Layout | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Fetch, build and try the server; what is done already is skipped.

    Args:
        note: hears a line for each step.
        layout: where to; the user's cache by default.
        environ: for the programs that are run.

    Raises:
        PeerError: something is missing or failed; the text says what.
    """
    there = layout or usual_layout()
    there.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(there.folder / "setup.lock"), _disk_errors(there):
        if (found := server_binary(there)) is not None:
            note(f"{SERVER} of {DISTRIBUTION} {there.version} is set up: {found}")
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
    """The path of CMake; a compiler must be there too.

    Raises:
        PeerError: one of them is missing.
    """
    # pip can install CMake beside our Python, where PATH need not lead.
    path = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])
    cmake = shutil.which("cmake", path=path)
    if cmake is None:
        raise PeerError(
            f"CMake, which builds {SERVER}, is not installed.",
            "Install it (Debian, Ubuntu: apt-get install cmake; macOS: brew install cmake) and run this again.",
        )
    compilers = (environ["CXX"].split()[0],) if environ.get("CXX") else COMPILERS
    if not any(shutil.which(each, path=path) for each in compilers):
        raise PeerError(
            f"No C++ compiler is installed (looked for {', '.join(compilers)}).",
            "Install one (Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install) "
            "and run this again.",
        )
    return cmake


def download_command(there: Layout) -> list[str]:
    """How pip fetches the source archive, from whatever index it is set up for.

    pip reads the archive's metadata, for which it takes the package's build tools into a folder of its own; they may
    be wheels, so that only the package itself is asked for as source.
    """
    return [
        sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-binary", DISTRIBUTION, "--no-input",
        "--disable-pip-version-check", "--progress-bar", "off", "-d", str(there.download),
        f"{DISTRIBUTION}=={there.version}",
    ]  # fmt: skip


def configure_command(cmake: str, there: Layout) -> list[str]:
    """How CMake is told what to build."""
    without = (f"-DCMAKE_{each}_FLAGS={_NO_AMX}" for each in ("C", "CXX") if "amx_tile" in cpu_features())
    return [cmake, "-S", str(there.source), "-B", str(there.build), *CMAKE_OPTIONS, *without]


def build_command(cmake: str, there: Layout) -> list[str]:
    """How the server alone is built."""
    return [cmake, "--build", str(there.build), "--config", "Release", "--target", SERVER, "-j", str(JOBS)]


def fetch(there: Layout, environ: Mapping[str, str]) -> None:
    """Download the archive and take llama.cpp out of it."""
    shutil.rmtree(there.download, ignore_errors=True)
    there.download.mkdir()
    run(download_command(there), there.log, environ)
    archive = next(there.download.glob("*.tar.gz"), None)
    if archive is None:
        raise PeerError(f"pip brought no source archive of {DISTRIBUTION} {there.version}.", f"See {there.log}.")
    unpacked = there.download / "source"
    unpack(archive, unpacked)
    unpacked.replace(there.source)
    shutil.rmtree(there.download)


def unpack(archive: Path, target: Path) -> None:
    """Write the files of `vendor/llama.cpp` in the archive below `target`.

    Raises:
        PeerError: there are none, or the archive is damaged.
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
        raise PeerError(f"{archive.name} carries no source of llama.cpp.")


def path_inside(name: str) -> PurePosixPath | None:
    """Where a member of the archive belongs in llama.cpp's source; None for what is not part of it."""
    parts = PurePosixPath(name).parts
    # `.git` names a repository that is not there, at which CMake's scripts stumble.
    if parts[1:3] != ("vendor", "llama.cpp") or len(parts) == 3 or ".." in parts or ".git" in parts:
        return None
    return PurePosixPath(*parts[3:])


def install(there: Layout, environ: Mapping[str, str]) -> None:
    """Try the built server, keep it with its licence, and delete what it was made of (350 MB)."""
    built = next((each for each in there.build.rglob(SERVER) if each.is_file()), None)
    if built is None:
        raise PeerError(f"The build left no {SERVER}.", f"See {there.log}.")
    said = run([str(built), "--version"], there.log, environ)
    shutil.copy2(built, there.binary)
    licence = there.source / "LICENSE"
    if licence.is_file():
        shutil.copy2(licence, there.folder / "LICENSE")
    there.stamp.write_text("\n".join(said) + "\n", encoding="utf-8")
    shutil.rmtree(there.build)
    shutil.rmtree(there.source)


def percent_notes(note: Listener) -> Listener:
    """A listener to a build's output that passes on every tenth percent."""
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
        raise PeerError(f"{there.folder} cannot be written: {error.strerror}.", "1 GB is needed there.") from error
