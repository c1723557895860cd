"""Where engines and their clients meet; apart from the service, so that a client need not import the whole engine."""

from pathlib import Path

from slm_lsp import __version__
from slm_lsp.engine.protocol import PROTOCOL


def socket_path(folder: Path) -> Path:
    """Where engines of this version listen."""
    return folder / f"engine-{PROTOCOL}-{__version__}.sock"


def lock_path(folder: Path) -> Path:
    """Held by the engine of this version for as long as it lives."""
    return folder / f"engine-{PROTOCOL}-{__version__}.lock"


def log_path(folder: Path) -> Path:
    """What engines print."""
    return folder / "engine.log"
