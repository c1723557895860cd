"""Retrieval of snippets in a small project with Python and TypeScript files.

Also tests when the snippets of the last prompt (the head) are kept.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import prompt, snippet_tokens, window
from slm_lsp.context.head import choose_head
from slm_lsp.context.query import query
from slm_lsp.context.retrieve import Retrieved, retrieve
from slm_lsp.context.signals import History
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import FimTokens
from slm_lsp.errors import IndexMissingError
from slm_lsp.index.extract import extract
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer

FIM = FimTokens("<P>", "<S>", "<M>", "<F>", "<R>")

FILES = {
    "shop/stock.py": (
        "class Warehouse:\n"
        '    """Stores items."""\n\n'
        "    def __init__(self, place: str) -> None:\n        self.place = place\n\n"
        "    def take(self, sku: str, count: int) -> list[str]:\n        return [sku] * count\n\n\n"
        "def restock(warehouse: Warehouse, sku: str) -> None:\n    warehouse.take(sku, 0)\n"
    ),
    "shop/__init__.py": "from .stock import Warehouse\n",
    "shop/rates.py": "REDUCED_RATE = 7\nFULL_RATE = 19\n",
    "shop/other.py": "def unrelated(): pass\n",
    "shop/invoice_printer.py": "def print_invoice_footer(tax_summary):\n    return tax_summary.footer_text\n",
    "shop/old_printer.py": "def print_old(tax_summary):\n    tax_summary.footer_text = ''\n",
    "web/page.ts": "import { total } from './sum'\nexport function page() {\n  return 1\n}\n",
    "web/sum.ts": "/** Adds up. */\nexport function total(values: number[]): number {\n  return 0\n}\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for path, text in FILES.items():
        (tmp_path / "work" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "work" / path).write_text(text)
    with Writer(tmp_path / "index") as writer:
        indexer = Indexer(tmp_path / "work", tmp_path / "index", writer)
        indexer.check()
        indexer.close()
    reader = Reader(tmp_path / "index")
    yield Project(reader)
    reader.close()


def cursor(text: str, path: str = "shop/order.py") -> Cursor:
    """Return a cursor at the position of `█` in a text."""
    return Cursor("shop", path, text.replace("█", ""), text.index("█"))


def retrieve_at(project: Project, text: str, path: str = "shop/order.py", history: History | None = None) -> Retrieved:
    return retrieve(cursor(text, path), project, history or History(), 1000)


def texts(result: Retrieved) -> dict[str, str]:
    return {each.path: each.text for each in result.snippets}


def test_an_imported_class_comes_with_the_signatures_of_its_members(project: Project) -> None:
    snippets = texts(retrieve_at(project, "from .stock import Warehouse\n\ndef f(w: Warehouse):\n    w.█\n"))
    assert "def take(sku: str, count: int) -> list[str]:" in snippets["shop/stock.py"]
    assert "Stores items." in snippets["shop/stock.py"]
    assert "return [sku] * count" not in snippets["shop/stock.py"]


def test_a_re_exported_class_is_found_where_it_is_defined(project: Project) -> None:
    snippets = texts(retrieve_at(project, "from shop import Warehouse\n\nw = █\n", "main.py"))
    assert "class Warehouse:" in snippets["shop/stock.py"]


def test_an_imported_module_comes_as_an_outline(project: Project) -> None:
    snippets = texts(retrieve_at(project, "from shop import rates\n\ntax = rates.█\n", "main.py"))
    assert snippets["shop/rates.py"] == "REDUCED_RATE = 7\nFULL_RATE = 19\n"


def test_imports_in_typescript_are_resolved(project: Project) -> None:
    snippets = texts(retrieve_at(project, FILES["web/page.ts"].replace("1", "█"), "web/page.ts"))
    assert "function total(values: number[]): number" in snippets["web/sum.ts"]


def test_the_best_snippet_is_last_and_has_a_reason(project: Project) -> None:
    result = retrieve_at(project, "from .stock import Warehouse\n\nw = Warehouse(█\n")
    assert result.snippets[-1].path == "shop/stock.py"
    assert "imported from shop/stock.py" in result.snippets[-1].reason
    assert [each.score for each in result.snippets] == sorted(each.score for each in result.snippets)


def test_chunks_that_share_rare_words_with_the_cursors_surroundings_are_found(project: Project) -> None:
    snippets = texts(retrieve_at(project, "def g(tax_summary):\n    x = tax_summary.footer_text\n    █\n", "main.py"))
    assert {"shop/invoice_printer.py", "shop/old_printer.py"} <= snippets.keys()


def test_a_recently_edited_chunk_is_found(project: Project) -> None:
    history = History(edits=[("shop/other.py", 0)])
    assert "shop/other.py" in texts(retrieve_at(project, "a = 1\n█", "main.py", history))


def test_unsaved_text_of_an_open_file_is_used_instead_of_the_file_on_disk(project: Project) -> None:
    unsaved = extract("shop/stock.py", b"class Warehouse:\n    def give_back(self): pass\n")
    snippets = texts(
        retrieve_at(Project(project.reader, {unsaved.path: unsaved}), "from .stock import Warehouse\nw = █")
    )
    assert "give_back" in snippets["shop/stock.py"]
    assert "take" not in snippets["shop/stock.py"]


def test_without_an_index_only_open_files_are_found() -> None:
    opened = extract("shop/stock.py", FILES["shop/stock.py"].encode())
    snippets = texts(retrieve_at(Project(None, {opened.path: opened}), "from .stock import Warehouse\nw = █"))
    assert set(snippets) == {"shop/stock.py"}
    assert retrieve_at(Project(None), "w = █").snippets == ()


def test_the_file_that_is_completed_is_never_a_snippet(project: Project) -> None:
    snippets = texts(retrieve_at(project, FILES["shop/stock.py"] + "restock(█", "shop/stock.py"))
    assert "shop/stock.py" not in snippets


def test_a_piece_that_repeats_the_lines_near_the_cursor_is_omitted(project: Project) -> None:
    text = FILES["shop/invoice_printer.py"] + "█\n"
    assert "shop/invoice_printer.py" not in texts(retrieve_at(project, text, "copy.py"))


@pytest.mark.parametrize("tokens", [0, 10, 40, 100, 400])
def test_snippets_stay_within_the_token_budget(project: Project, tokens: int) -> None:
    text = "from .stock import Warehouse, restock\nfrom . import rates, other\n\nw = █"
    result = retrieve(cursor(text), project, History(), tokens)
    assert sum(snippet_tokens(each) for each in result.snippets) <= tokens


def test_signals_after_the_time_limit_are_skipped(project: Project) -> None:
    now = iter(range(100))
    result = retrieve(cursor("w = █"), project, History(), 1000, 3.5, clock=lambda: float(next(now)))
    assert result.late
    assert set(result.milliseconds).isdisjoint(result.late)


def test_a_damaged_index_raises_an_error_with_the_word_damaged(project: Project, tmp_path: Path) -> None:
    database = tmp_path / "index" / "index.db"
    raw = bytearray(database.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    database.write_bytes(raw)
    (tmp_path / "index" / "index.db-wal").unlink(missing_ok=True)
    damaged = Project(Reader(tmp_path / "index"))
    with pytest.raises(IndexMissingError, match="damaged"):
        retrieve_at(damaged, "from .stock import Warehouse\nw = █")


def test_names_in_comments_and_local_names_do_not_count_as_used() -> None:
    result = query(cursor("# restock often\ndef f(sku, other):\n    count = 1\n    take(sku, count)█\n"))
    assert result.used == {"take"}


def test_a_long_file_is_parsed_at_its_start_and_near_the_cursor() -> None:
    body = "".join(f"def f{number}():\n    return {number}\n\n" for number in range(400))
    result = query(cursor(f"from .stock import Warehouse\n{body}def last():\n    restock(█)\n"))
    assert [each.name for each in result.imports] == ["Warehouse"]
    assert "restock" in result.used


def test_a_head_is_kept_while_it_covers_most_of_the_new_choice() -> None:
    first = (Snippet("a.py", "a\n", "", 1.0), Snippet("b.py", "b\n", "", 9.0))
    assert choose_head((), first) == first
    nearly = (Snippet("c.py", "c\n", "", 1.0), first[1])
    assert choose_head(first, nearly) == first
    other = (Snippet("c.py", "c\n", "", 9.0),)
    assert choose_head(first, other) == other
    changed = (first[0], Snippet("b.py", "changed\n", "", 9.0))
    assert choose_head(first, changed) == changed
    assert choose_head(first, ()) == first


def test_a_head_is_kept_if_it_covers_most_lines_chosen_from_an_unchanged_file() -> None:
    lines = "def a()\ndef b()\ndef c()\ndef d()\n"
    first = (Snippet("a.py", lines, "", 1.0, "1"),)
    assert choose_head(first, (Snippet("a.py", lines.replace("def d()\n", ""), "", 1.0, "1"),)) == first
    assert choose_head(first, (Snippet("a.py", "def b()\ndef c()\ndef d()\ndef e()\n", "", 1.0, "1"),)) == first
    other = (Snippet("a.py", "def c()\ndef d()\ndef e()\ndef f()\n", "", 1.0, "1"),)
    assert choose_head(first, other) == other
    edited = (Snippet("a.py", lines.replace("def d()\n", ""), "", 1.0, "2"),)
    assert choose_head(first, edited) == edited
    untouched = (Snippet("a.py", lines, "", 1.0, "2"),)
    assert choose_head(first, untouched) == first, "the edited lines are not in the snippet"


def test_the_version_of_a_snippet_changes_with_its_file(project: Project) -> None:
    text = "from .stock import Warehouse\nw = █"
    on_disk = retrieve_at(project, text).snippets[-1]
    unsaved = extract("shop/stock.py", FILES["shop/stock.py"].encode() + b"\n")
    opened = retrieve_at(Project(project.reader, {unsaved.path: unsaved}), text).snippets[-1]
    assert on_disk.path == opened.path == "shop/stock.py"
    assert on_disk.version
    assert on_disk.version != opened.version


def test_keys_are_masked_in_the_prompt() -> None:
    key = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"
    text = f'api_key = "{key}"\nx = █\npassword = "{key}"\n'
    at = cursor(text)
    visible = window(at, at.offset, 500, 500)
    text_of_prompt = "".join(each.text for each in prompt(at, visible, FIM))
    assert key not in text_of_prompt
    assert "api_key = " in text_of_prompt
    assert len(visible.prefix) == at.offset
