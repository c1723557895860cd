"""Which model answers: what the user chose, or the best of what is installed, with the reason."""

from dataclasses import dataclass
from pathlib import Path

from slm_lsp.errors import ModelMissingError
from slm_lsp.models.store import Installed, Store

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """A model file to load."""

    path: Path
    name: str
    tier: str | None
    why: str


def choose_model(setting: str, store: Store) -> Choice:
    """The model for a setting: `auto`, a tier, a name, or a path.

    `auto` takes the fast tier where it is installed, then the strong one, then whatever the user added.

    Raises:
        ModelError: it is unknown, missing or corrupt; the text says what to do.
    """
    if setting != AUTO:
        return _choice(store.find(setting), f"set to `{setting}`")
    installed = store.installed()
    if not installed:
        raise ModelMissingError("No model is installed.", "Run `slm-lsp models pull fast` (491 MB, once).")
    first = installed[0]
    return _choice(store.find(first.path), f"`auto`: the {first.tier or 'only'} model installed")


def _choice(model: Installed, why: str) -> Choice:
    return Choice(model.path, model.name, model.tier, why)
