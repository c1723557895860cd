"""Backends: bindings of llama.cpp behind one interface. No other package imports a binding."""

from slm_lsp.engine.backend.base import Backend, BackendOptions, DecodeAborted, DecodeFailed, Slot, Vocabulary
from slm_lsp.engine.backend.choose import Choice, available, choose, open_backend

__all__ = [
    "Backend",
    "BackendOptions",
    "Choice",
    "DecodeAborted",
    "DecodeFailed",
    "Slot",
    "Vocabulary",
    "available",
    "choose",
    "open_backend",
]
