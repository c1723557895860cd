"""The ways of `eval crossfile` that use our retrieval, on a temporary index of each project."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.retrieve import retrieve
from slm_lsp.context.signals import SIGNALS, History, Signal
from slm_lsp.context.snippets import Snippet
from slm_lsp.evals.crossfile import SnippetSource
from slm_lsp.evals.crossfile_tasks import Task
from slm_lsp.evals.packages import Project as Package
from slm_lsp.index.extract import extract
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer

PATIENCE_S = 5.0
"""Maximum seconds of one retrieval. The limit is generous, because this evaluation does not measure speed."""


@contextmanager
def sources(packages: Sequence[Package], budget_tokens: int, *, ablation: bool) -> Iterator[dict[str, SnippetSource]]:
    """Yield the snippet sources by way: `ours` and, if `ablation` is set, one source without each of the signals.

    As in the way `ring`, the retrieval knows which files were opened before a task. No file was edited.
    """
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slm-lsp-crossfile-")))
        readers: dict[str, Reader] = {}
        for each in packages:
            build(each.root, base / each.name)
            readers[each.name] = Reader(base / each.name)
            stack.callback(readers[each.name].close)
        made = {"ours": source(readers, budget_tokens, SIGNALS)}
        if ablation:
            for name in SIGNALS:
                rest = {other: signal for other, signal in SIGNALS.items() if other != name}
                made[name] = source(readers, budget_tokens, rest)
        yield made


def build(root: Path, folder: Path) -> None:
    """Index a project."""
    with Writer(folder) as writer:
        indexer = Indexer(root, folder, writer)
        indexer.check()
        indexer.close()


def source(readers: Mapping[str, Reader], budget_tokens: int, signals: Mapping[str, Signal]) -> SnippetSource:
    """Return a snippet source that uses our retrieval with these signals."""

    def snippets(task: Task, cursor: Cursor) -> Sequence[Snippet]:
        # The indexed file contains the wanted line, so replace the file by the editor's text, which lacks this line.
        opened = {task.path: extract(task.path, cursor.text.encode())}
        project = Project(readers[task.package], opened)
        history = History(viewed=tuple(reversed(task.opened)))
        return retrieve(cursor, project, history, budget_tokens, PATIENCE_S, signals=signals).snippets

    return snippets
