"""The conditions of a benchmark: model, bindings, number of runs and settings."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.config import Settings
from slm_lsp.engine.api import ModelRef
from slm_lsp.platform.cores import usable_cores

_WORDS = ("alpha", "return", "value", "index", "(self)", "=", "+", "import", "for", "total", "None", "list")


@dataclass(frozen=True, slots=True)
class Conditions:
    """The arguments of every benchmark.

    Args:
        model: path of the GGUF file that our engine and the peer run.
        bindings: names of the installed bindings.
        runs: number of runs, for our engine and for the peer each. Each benchmark defines what a run is.
        settings: the user's settings.
        note: prints a line about the progress.
        verbose: whether peers may write to standard error.
    """

    model: Path
    bindings: tuple[str, ...]
    runs: int
    settings: Settings
    note: Callable[[str], None]
    verbose: bool = False

    @property
    def ref(self) -> ModelRef:
        """The model in the form that requests contain."""
        return ModelRef.of(self.model)

    @property
    def threads(self) -> int:
        """Number of threads that evaluate the model, in our engine and in the peer."""
        return self.settings.engine.threads or usable_cores()


def random_text(dice: random.Random, words: int) -> str:
    """Return a document that was never evaluated before: words of code in random order, about 1.2 tokens each."""
    return " ".join(dice.choices(_WORDS, k=words))
