"""Keeps results on disk, so that an interrupted evaluation continues where it stopped.

Decoding is greedy or seeded, and reused KV cells do not change answers. So an answer depends only on the model, the
binding and the request. The key of a kept answer is a digest of these.
"""

import hashlib
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import platformdirs

from slm_lsp.engine.api import Generate

OMITTED_DEFAULTS = ("branch_below", "fresh")
"""Fields of requests that are part of the digest only if they are set. Results may have been kept before these fields
existed; in this way, the keys of such results do not change."""

Result = TypeVar("Result")


class Kept(Generic[Result]):
    """Results by key, in a file with one JSON object per line. Each new result is appended at once.

    Args:
        kind: type of the results, which msgspec can encode.
        file: the file; it need not exist.
    """

    def __init__(self, kind: type[Result], file: Path) -> None:
        self._file = file
        self._known: dict[str, Result] = {}
        if file.exists():
            for line in file.read_bytes().splitlines():
                try:
                    entry = msgspec.json.decode(line)
                    self._known[entry["key"]] = msgspec.convert(entry["result"], kind)
                except (msgspec.MsgspecError, KeyError, TypeError):
                    continue  # the incomplete last line of an interrupted run

    def get(self, key: str) -> Result | None:
        """Return the kept result with a key; None if no result with this key is kept."""
        return self._known.get(key)

    def put(self, key: str, result: Result) -> None:
        """Keep a result in memory and append it to the file."""
        self._known[key] = result
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode({"key": key, "result": result}) + b"\n")


def default_file(name: str) -> Path:
    """Return the path of a file of kept results in the user's cache."""
    return platformdirs.user_cache_path("slm-lsp") / "evals" / f"{name}.jsonl"


def identity(model: Path, backend: str) -> str:
    """Return a text that identifies a model file and the binding that runs it."""
    return f"{model.resolve().name} {model.stat().st_size} {backend}"


def digest(who: str, request: Generate) -> str:
    """Return the key of a request to a model.

    Args:
        who: identifies the model and everything else that determines the result.
        request: the request; its `model` and `id` are ignored.
    """
    fields = msgspec.to_builtins(request)
    kept = {
        name: value
        for name, value in fields.items()
        if name not in ("id", "model") and (name not in OMITTED_DEFAULTS or value)
    }
    return hashlib.blake2b(who.encode() + b"\0" + msgspec.json.encode(kept), digest_size=16).hexdigest()
