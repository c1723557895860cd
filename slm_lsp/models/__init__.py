"""Model files: which ones we know, where they are kept, how they get there.

`Store.find` gives the file to load for a tier, a name or a path, and never one whose content is in doubt.
`slm_lsp.models.pull` brings a model of the catalogue into the store; it is imported by whoever downloads, so that a
process that only loads models has no HTTP client in it.
"""

from slm_lsp.models.catalogue import Catalogue, Entry, Tier, load_catalogue
from slm_lsp.models.store import Installed, Store, Verification, default_root

__all__ = [
    "Catalogue",
    "Entry",
    "Installed",
    "Store",
    "Tier",
    "Verification",
    "default_root",
    "load_catalogue",
]
