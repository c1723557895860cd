"""The program that `bench index` compares with: it reads files and parses them with tree-sitter, one after the other.

`python -m slm_lsp.bench.bare_parse ROOT` reads paths from standard input, one per line, and prints the duration and the
processor time in seconds as JSON.
"""

import json
import sys
import time
from pathlib import Path

from tree_sitter import Parser
from tree_sitter_language_pack import get_language


def main() -> None:
    """Run the program; see the module."""
    root = Path(sys.argv[1])
    paths = sys.stdin.read().splitlines()
    parser = Parser(get_language("python"))
    start, begun = time.perf_counter(), time.process_time()
    for path in paths:
        parser.parse((root / path).read_bytes())
    took = {"seconds": time.perf_counter() - start, "processor_s": time.process_time() - begun}
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main()
