"""slm-lsp: code completion from a small language model on your own machine."""

__version__: str


def __getattr__(name: str) -> str:
    """Return `__version__`, read from the package's metadata at first use.

    Importing `importlib.metadata` takes half of the time in which a worker process starts.
    """
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    found = globals()["__version__"] = version("slm-lsp")
    return found
