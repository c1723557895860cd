"""The folder that contains the engine's socket. All processes of a user choose the same folder.

Exception: processes whose environment variables `XDG_RUNTIME_DIR` or `TMPDIR` differ.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slm_lsp.errors import EngineUnavailableError

SOCKET_PATH_BYTES = 100
"""Maximum length of a socket's path. Unix socket addresses have 104 bytes (macOS) or 108 (Linux), with a final zero."""

SOCKET_NAME_BYTES = len("/engine-00000000.sock")
"""Length of the longest name of an engine's socket (`engine/paths.py`), with the slash before it."""


def runtime_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the engine's socket, lock and log, and create it if needed. Only this user can enter it.

    Raises:
        EngineUnavailableError: the folder belongs to another user, others can enter it, or it cannot be created.
    """
    base = environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(base) / "slm-lsp" if base.startswith("/") else Path(tempfile.gettempdir()) / f"slm-lsp-{os.getuid()}"
    if len(os.fsencode(folder)) > SOCKET_PATH_BYTES - SOCKET_NAME_BYTES:
        folder = Path(f"/tmp/slm-lsp-{os.getuid()}")  # noqa: S108 - checked below
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.lstat()
    except OSError as error:
        raise EngineUnavailableError(
            f"The folder {folder} cannot be created: {error.strerror}.",
            "Set XDG_RUNTIME_DIR to a folder that only you can enter.",
        ) from error
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o077:
        raise EngineUnavailableError(
            f"The folder {folder} is not safe to use: other users own it or can enter it "
            f"({stat.filemode(info.st_mode)}, user {info.st_uid}).",
            f"Run `chmod 700 {folder}` if it is yours, or remove it.",
        )
    return folder
