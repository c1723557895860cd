"""Paths of the files through which clients find the engine of their own installation.

The names of the socket, the lock file and the process-id file contain a hash of the package's path, of the path of its
Python environment, and of the engine's code. So two installations never share an engine, and an edited checkout never
uses an engine that was started before the edit. An engine whose code was replaced exits when it has no clients.
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
"""Folders with modules that the engine imports, relative to the package."""

HASH_CHARACTERS = 8


def place_id(package: Path = PACKAGE) -> str:
    """Return a hash of the package's path and of the path of the Python environment that contains the bindings."""
    return _hash(f"{package}\0{Path(sys.prefix).resolve()}")


def code_id(package: Path = PACKAGE) -> str:
    """Return a hash of the path, size and modification time of each module of the engine. Takes about a millisecond.

    The result is not cached, because the code may change while a server runs for days.
    """
    return _hash("\n".join(sorted(_stamps(package))))


def engine_name() -> str:
    """Return the base name of the engine's files, for this installation and its present code."""
    return f"engine-{_hash(f'{PROTOCOL} {place_id()} {code_id()}')}"


def launch_environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment variables for a new engine, so that it imports the same package as this process.

    A client that runs from a checkout sets `PYTHONPATH`; otherwise its engine would import an installed package. For an
    installed package `PYTHONPATH` is not changed, because its folders take precedence over the standard library.
    """
    if PACKAGE.parent.name in ("site-packages", "dist-packages"):
        return environ
    found = [str(PACKAGE.parent), *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(found)}


def socket_path(folder: Path, name: str = "") -> Path:
    """Return the path of the engine's Unix socket. Here and below, an empty `name` means `engine_name()`."""
    return folder / f"{name or engine_name()}.sock"


def lock_path(folder: Path, name: str = "") -> Path:
    """Return the path of the lock file that the engine holds while it runs."""
    return folder / f"{name or engine_name()}.lock"


def pid_path(folder: Path, name: str = "") -> Path:
    """Return the path of the file with the engine's process id. The id is valid only while the lock is held."""
    return folder / f"{name or engine_name()}.pid"


def record_pid(folder: Path, name: str) -> None:
    """Write this process's id and its `place_id()` to the engine's process-id file."""
    pid_path(folder, name).write_text(f"{os.getpid()} {place_id()}", encoding="ascii")


def recorded_pid(folder: Path, name: str = "") -> tuple[int, str] | None:
    """Return the process id and the `place_id()` that the engine wrote; None if there is no valid file."""
    try:
        pid, place = pid_path(folder, name).read_text(encoding="ascii").split()
        return int(pid), place
    except (OSError, ValueError):
        return None


def busy_path(folder: Path, name: str = "") -> Path:
    """Return the path of the file that contains the key of the model in use; see `crashes.py`."""
    return folder / f"{name or engine_name()}.busy"


def log_path(folder: Path) -> Path:
    """Return the path of the log of all engines of this user."""
    return folder / "engine.log"


def _stamps(package: Path) -> Iterator[str]:
    for part in ENGINE_PARTS:
        # Files can disappear while another version is being installed.
        with contextlib.suppress(FileNotFoundError), os.scandir(package / part) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    info = entry.stat()
                    yield f"{part}/{entry.name} {info.st_size} {info.st_mtime_ns}"


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:HASH_CHARACTERS]
