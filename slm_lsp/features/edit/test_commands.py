"""Remembers the test command of each project, in a file of the user's own configuration folder.

A workspace cannot set its test command. Otherwise, opening an untrusted project could run a command of that project.
"""

import os
import tempfile
from pathlib import Path

import msgspec
import platformdirs
from filelock import FileLock

from slm_lsp.config import APP
from slm_lsp.errors import UsageError


def commands_file() -> Path:
    """Return the path of the file: a JSON object that maps the absolute path of a project to its command."""
    return platformdirs.user_config_path(APP) / "test-commands.json"


def remembered(root: Path) -> str | None:
    """Return the test command of a project; None if none is remembered.

    Args:
        root: folder of the project. Symbolic links are resolved.

    Raises:
        UsageError: the file cannot be read.
    """
    return _read(commands_file()).get(str(root.resolve()))


def remember(root: Path, command: str) -> None:
    """Remember the test command of a project. An empty command forgets it.

    Args:
        root: folder of the project. Symbolic links are resolved.
        command: the command line.

    Raises:
        UsageError: the file cannot be read or written.
    """
    file, key = commands_file(), str(root.resolve())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            commands = _read(file)
            if commands.get(key, "") == command.strip():
                return
            commands.pop(key, None)
            if command.strip():
                commands[key] = command.strip()
            _replace(file, msgspec.json.format(msgspec.json.encode(commands, order="sorted"), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"The test command cannot be remembered, because {file} cannot be written: {error.strerror}.",
            "Pass the command with --test each time, or fix the permissions of the file.",
        ) from error


def _read(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", "Correct or delete the file.") from error


def _replace(file: Path, content: bytes) -> None:
    """Write a file in one step. Only the user can read it, because a command may contain a password."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
