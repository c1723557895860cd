"""slm-lsp: code completion from a small language model on your own machine."""

from importlib.metadata import version

__version__ = version("slm-lsp")
