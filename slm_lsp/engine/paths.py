"""Files through which clients find the engine of their own installation; imported without the engine itself.

The names of the socket, lock and process-id file contain a hash of where the package and its Python environment are,
and of the code that the engine would run. Two installations, or an edited checkout and an engine that was started
before the edit, therefore never share an engine. Engines of older code leave when they are idle.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from slm_lsp.engine.wire import PROTOCOL

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the package `slm_lsp` that this process runs."""

ENGINE_PARTS = ("", "engine", "engine/backend", "engine/client", "engine/daemon", "platform")
"""Folders of the package whose modules an engine imports."""

HASH_CHARACTERS = 8


def place_id(package: Path = PACKAGE) -> str:
    """Hash of the package folder and of the Python environment, which has the bindings."""
    return _hash(f"{package}\0{Path(sys.prefix).resolve()}")


def code_id(package: Path = PACKAGE) -> str:
    """Hash over path, size and modification time of the engine's modules; takes about a millisecond.

    Not cached: a server that runs for days must find the engine of the code that a new engine would run.
    """
    return _hash("\n".join(sorted(_stamps(package))))


def engine_name() -> str:
    """File name, without its ending, of the engine of this installation and its present code."""
    return f"engine-{_hash(f'{PROTOCOL} {place_id()} {code_id()}')}"


def launch_environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Environment in which a new engine imports the package that this process runs.

    Without it, a client that was started in a checkout would start the engine of whatever is installed. Installed
    packages are found without it, and must not come before the standard library.
    """
    if PACKAGE.parent.name in ("site-packages", "dist-packages"):
        return environ
    found = [str(PACKAGE.parent), *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(found)}


def socket_path(folder: Path, name: str = "") -> Path:
    """Unix socket on which the engine listens; by default that of `engine_name()`, here and below."""
    return folder / f"{name or engine_name()}.sock"


def lock_path(folder: Path, name: str = "") -> Path:
    """Lock file that the engine holds for as long as it lives."""
    return folder / f"{name or engine_name()}.lock"


def pid_path(folder: Path, name: str = "") -> Path:
    """File with the process id of the engine; valid only while the lock is held."""
    return folder / f"{name or engine_name()}.pid"


def record_pid(folder: Path, name: str) -> None:
    """Write down the process id of this engine, and which installation it belongs to."""
    pid_path(folder, name).write_text(f"{os.getpid()} {place_id()}", encoding="ascii")


def recorded_pid(folder: Path, name: str = "") -> tuple[int, str] | None:
    """Process id and `place_id()` that the engine wrote down; None where it wrote none."""
    try:
        pid, place = pid_path(folder, name).read_text(encoding="ascii").split()
        return int(pid), place
    except (OSError, ValueError):
        return None


def busy_path(folder: Path, name: str = "") -> Path:
    """File with the path of the model that is at work; see `crashes.py`."""
    return folder / f"{name or engine_name()}.busy"


def log_path(folder: Path) -> Path:
    """Log of all engines of this user."""
    return folder / "engine.log"


def _stamps(package: Path) -> Iterator[str]:
    for part in ENGINE_PARTS:
        # While another version is installed, files and folders come and go.
        with contextlib.suppress(FileNotFoundError), os.scandir(package / part) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    info = entry.stat()
                    yield f"{part}/{entry.name} {info.st_size} {info.st_mtime_ns}"


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:HASH_CHARACTERS]
