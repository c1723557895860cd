"""`bench retrieve`: time to choose snippets in a project of a million lines, and the size of the snippets in tokens."""

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, quantiles

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.index import LINES
from slm_lsp.bench.report import Report
from slm_lsp.bench.trees import copy_sources
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import snippet_tokens
from slm_lsp.context.retrieve import retrieve
from slm_lsp.context.signals import History
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer

SEED = 90125
PLACES = 100
"""Number of cursor positions per run."""

TOKENS = 1000
PATIENCE_S = 10.0
MIN_LINES, MAX_LINES = 40, 1_500
MILLISECONDS = 1e3
BUDGET_MS = 75.0
"""Maximum milliseconds of a retrieval while the user types. The report compares with this budget, since no other
program does the same task."""


@dataclass(frozen=True, slots=True)
class RetrieveReport(Report):
    """A report with the size of the indexed project."""

    lines_indexed: int

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield f"  {self.lines_indexed} lines: p50 {self.ours['p50_ms']:.1f} ms, p95 {self.ours['p95_ms']:.1f} ms"
        yield f"  tokens of snippets: mean {self.ours['tokens_mean']:.0f}, median {self.ours['tokens_median']:.0f}"
        for name, spent in dict(self.ours["signals_p95_ms"]).items():  # type: ignore[call-overload]
            yield f"  {name:12s} p95 {spent:.1f} ms"


async def run(conditions: Conditions) -> RetrieveReport:
    """Retrieve snippets at random positions in the project's files. Each run of the command uses the same positions."""
    with tempfile.TemporaryDirectory(prefix="slm-lsp-retrieve-") as folder:
        base = Path(folder)
        tree = copy_sources(base / "tree", LINES)
        conditions.note(f"indexing {tree.lines} lines")
        with Writer(base / "index") as writer:
            indexer = Indexer(tree.root, base / "index", writer)
            indexer.check()
            indexer.close()
        reader = Reader(base / "index")
        dice = random.Random(SEED)  # noqa: S311 - a sample, no secret
        whole: list[float] = []
        signals: dict[str, list[float]] = {}
        tokens: list[float] = []
        for number in range(PLACES * conditions.runs + 1):
            cursor, history = _place(tree.root, tree.files, dice)
            start = time.perf_counter()
            found = retrieve(cursor, Project(reader), history, TOKENS, PATIENCE_S)
            spent = (time.perf_counter() - start) * MILLISECONDS
            if number > 0:  # the first retrieval also reads the list of files
                whole.append(spent)
                tokens.append(sum(map(snippet_tokens, found.snippets)))
                for name, each in found.milliseconds.items():
                    signals.setdefault(name, []).append(each)
        reader.close()
    p95 = quantiles(whole, n=20)[-1]
    return RetrieveReport(
        name="retrieve",
        runs=conditions.runs,
        ours={
            "p50_ms": median(whole),
            "p95_ms": p95,
            "tokens_mean": fmean(tokens),
            "tokens_median": median(tokens),
            "signals_p95_ms": {name: quantiles(each, n=20)[-1] for name, each in signals.items()},
        },
        peer={"name": "the budget while typing", "p95_ms": BUDGET_MS},
        ratio=p95 / BUDGET_MS,
        unit="ms",
        lines_indexed=tree.lines,
    )


def _place(root: Path, files: tuple[str, ...], dice: random.Random) -> tuple[Cursor, History]:
    """Return a cursor at the start of a line in a file of typical length, and a history of other files."""
    while True:
        path = dice.choice(files)
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        lines = text.count("\n")
        if MIN_LINES <= lines <= MAX_LINES:
            break
    at = dice.randrange(lines)
    offset = sum(len(line) + 1 for line in text.split("\n")[:at])
    seen = tuple(dice.choice(files) for _ in range(5))
    return Cursor("tree", path, text, offset), History(edits=tuple((each, 20) for each in seen[:3]), viewed=seen)
