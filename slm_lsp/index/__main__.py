"""Runs the indexer process: `python -m slm_lsp.index WORKSPACE INDEX`."""

import sys

from slm_lsp.index.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
