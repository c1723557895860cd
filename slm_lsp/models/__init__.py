"""Model files: the catalogue of known models, the store on disk, and downloads.

`Store.find` returns the file for a tier, a name or a path, and only if its content has been verified.
`slm_lsp.models.pull` downloads a model of the catalogue into the store. It is not imported here, so that processes that
only load models do not import an HTTP client.
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
