"""Answers that were given once are kept: a long evaluation goes on where it was broken off.

An answer is decided by the model, the binding and the prompt, since decoding is greedy and cells of other prompts are
reused exactly or not at all; so it is kept under a digest of these.
"""

import hashlib
import json
from pathlib import Path

import msgspec
import platformdirs

from slm_lsp.engine.api import Generate

LATER = ("branch_below", "fresh")
"""Fields of requests that came when answers were kept already: they count only where they are set."""


class Answers:
    """Answers on disk, one line of JSON each, read at the start and added to.

    Args:
        model: path of the GGUF file; its name and size stand for its content.
        backend: the binding.
        file: where they lie; by default in the user's cache.
    """

    def __init__(self, model: Path, backend: str, file: Path | None = None) -> None:
        self._file = file or default_file("answers")
        self._who = identity(model, backend)
        self._known: dict[str, str] = {}
        if self._file.exists():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                try:
                    key, text = json.loads(line)
                except ValueError:
                    continue  # The last line of a run that was killed.
                self._known[key] = text

    def get(self, request: Generate) -> str | None:
        """What was answered to a request before."""
        return self._known.get(self._key(request))

    def put(self, request: Generate, text: str) -> None:
        """Keep an answer."""
        key = self._key(request)
        self._known[key] = text
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, text]) + "\n")

    def _key(self, request: Generate) -> str:
        return digest(self._who, request)


def default_file(name: str) -> Path:
    """Where an evaluation keeps something in the user's cache."""
    return platformdirs.user_cache_path("slm-lsp") / "evals" / f"{name}.jsonl"


def identity(model: Path, backend: str) -> str:
    """What stands for a model and its binding."""
    return f"{model.resolve().name} {model.stat().st_size} {backend}"


def digest(who: str, request: Generate) -> str:
    """What a request and who was asked come down to."""
    said = msgspec.to_builtins(msgspec.structs.replace(request, id=0, model=""))
    kept = {name: value for name, value in said.items() if name not in LATER or value}
    return hashlib.blake2b(who.encode() + b"\0" + msgspec.json.encode(kept), digest_size=16).hexdigest()
