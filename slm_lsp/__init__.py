"""slm-lsp: code completion from a small language model on your own machine."""

__version__: str


def __getattr__(name: str) -> str:
    """`__version__`, looked up when first asked for: half of what starting a worker takes would go into it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    found = globals()["__version__"] = version("slm-lsp")
    return found
