"""Apply an edit to a file on disk, atomically and only if the file has not changed since the edit was made."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.errors import StaleEditError, UsageError

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The content of a file from which an edit was made."""

    path: Path
    raw: bytes

    @property
    def text(self) -> str:
        """The text without a byte order mark, with its own line ends."""
        return self.raw.removeprefix(BOM).decode("utf-8")


def read_version(path: Path) -> FileVersion:
    """Read a file that is to be edited.

    Raises:
        UsageError: the file does not exist, cannot be read, is binary, or is not UTF-8.
    """
    try:
        # Reading a pipe or a device could wait without end.
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} cannot be read: it is not a regular file.")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\0" in raw:
        raise UsageError(f"{path} is a binary file.")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start}).", "Convert it, for example with iconv."
        ) from error
    return FileVersion(path, raw)


def write_version(version: FileVersion, text: str) -> None:
    """Replace the text of a file. Keep its byte order mark, its permissions and symbolic links to it.

    The new content is written to a temporary file in the same folder and then renamed, so that the file never holds
    only a part of it. Afterwards the file is read to check its content.

    Raises:
        StaleEditError: the file has changed since `version` was read.
        UsageError: the file cannot be written.
    """
    target = version.path.resolve()
    raw = (BOM if version.raw.startswith(BOM) else b"") + text.encode("utf-8")
    temporary = None
    try:
        if not os.access(target, os.W_OK):
            raise UsageError(
                f"{version.path} is read-only.", "Change its permissions, or apply the printed diff yourself."
            )
        mode = target.stat().st_mode
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        if target.read_bytes() != version.raw:
            raise StaleEditError(f"{version.path} has changed since the edit was made.", "Run the command again.")
        temporary.replace(target)
        temporary = None
        if target.read_bytes() != raw:
            raise StaleEditError(f"{version.path} was changed by another program meanwhile.", "Check the file.")
    except OSError as error:
        raise UsageError(f"{version.path} cannot be written: {error.strerror}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
