"""Pieces of other files for a place in a real project: the fixture `inventory`, and small ones made here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import prompt, snippet_tokens, window
from slm_lsp.context.head import settled
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
        '    """Where items lie."""\n\n'
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
    """The cursor is at `█`."""
    return Cursor("shop", path, text.replace("█", ""), text.index("█"))


def found(project: Project, text: str, path: str = "shop/order.py", history: History | None = None) -> Retrieved:
    return retrieve(cursor(text, path), project, history or History(), 1000)


def texts(result: Retrieved) -> dict[str, str]:
    return {each.path: each.text for each in result.snippets}


def test_what_is_imported_comes_with_the_signatures_of_its_members(project: Project) -> None:
    shown = texts(found(project, "from .stock import Warehouse\n\ndef f(w: Warehouse):\n    w.█\n"))
    assert "def take(sku: str, count: int) -> list[str]:" in shown["shop/stock.py"]
    assert "Where items lie." in shown["shop/stock.py"]
    assert "return [sku] * count" not in shown["shop/stock.py"]


def test_what_a_package_hands_on_is_found_where_it_is_defined(project: Project) -> None:
    shown = texts(found(project, "from shop import Warehouse\n\nw = █\n", "main.py"))
    assert "class Warehouse:" in shown["shop/stock.py"]


def test_a_module_that_is_imported_as_a_whole_comes_as_its_outline(project: Project) -> None:
    shown = texts(found(project, "from shop import rates\n\ntax = rates.█\n", "main.py"))
    assert shown["shop/rates.py"] == "REDUCED_RATE = 7\nFULL_RATE = 19\n"


def test_other_languages_resolve_their_imports_too(project: Project) -> None:
    shown = texts(found(project, FILES["web/page.ts"].replace("1", "█"), "web/page.ts"))
    assert "function total(values: number[]): number" in shown["web/sum.ts"]


def test_the_best_stands_last_and_says_why(project: Project) -> None:
    result = found(project, "from .stock import Warehouse\n\nw = Warehouse(█\n")
    assert result.snippets[-1].path == "shop/stock.py"
    assert "imported from shop/stock.py" in result.snippets[-1].reason
    assert [each.score for each in result.snippets] == sorted(each.score for each in result.snippets)


def test_chunks_with_rare_words_of_the_surroundings_are_found(project: Project) -> None:
    shown = texts(found(project, "def g(tax_summary):\n    x = tax_summary.footer_text\n    █\n", "main.py"))
    assert {"shop/invoice_printer.py", "shop/old_printer.py"} <= shown.keys()


def test_what_was_edited_a_moment_ago_is_found(project: Project) -> None:
    history = History(edits=[("shop/other.py", 0)])
    assert "shop/other.py" in texts(found(project, "a = 1\n█", "main.py", history))


def test_an_open_buffer_stands_over_the_disk(project: Project) -> None:
    unsaved = extract("shop/stock.py", b"class Warehouse:\n    def give_back(self): pass\n")
    shown = texts(found(Project(project.reader, {unsaved.path: unsaved}), "from .stock import Warehouse\nw = █"))
    assert "give_back" in shown["shop/stock.py"]
    assert "take" not in shown["shop/stock.py"]


def test_without_an_index_only_open_files_are_known() -> None:
    opened = extract("shop/stock.py", FILES["shop/stock.py"].encode())
    shown = texts(found(Project(None, {opened.path: opened}), "from .stock import Warehouse\nw = █"))
    assert set(shown) == {"shop/stock.py"}
    assert found(Project(None), "w = █").snippets == ()


def test_the_file_itself_is_never_a_snippet(project: Project) -> None:
    shown = texts(found(project, FILES["shop/stock.py"] + "restock(█", "shop/stock.py"))
    assert "shop/stock.py" not in shown


def test_a_piece_that_stands_round_the_cursor_anyway_is_left_out(project: Project) -> None:
    text = FILES["shop/invoice_printer.py"] + "█\n"
    assert "shop/invoice_printer.py" not in texts(found(project, text, "copy.py"))


@pytest.mark.parametrize("tokens", [0, 10, 40, 100, 400])
def test_the_budget_is_kept(project: Project, tokens: int) -> None:
    text = "from .stock import Warehouse, restock\nfrom . import rates, other\n\nw = █"
    result = retrieve(cursor(text), project, History(), tokens)
    assert sum(snippet_tokens(each) for each in result.snippets) <= tokens


def test_what_is_late_is_left_out(project: Project) -> None:
    now = iter(range(100))
    result = retrieve(cursor("w = █"), project, History(), 1000, 3.5, clock=lambda: float(next(now)))
    assert result.late
    assert set(result.milliseconds).isdisjoint(result.late)


def test_a_damaged_index_is_said_to_be_one(project: Project, tmp_path: Path) -> None:
    database = tmp_path / "index" / "index.db"
    raw = bytearray(database.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    database.write_bytes(raw)
    (tmp_path / "index" / "index.db-wal").unlink(missing_ok=True)
    damaged = Project(Reader(tmp_path / "index"))
    with pytest.raises(IndexMissingError, match="damaged"):
        found(damaged, "from .stock import Warehouse\nw = █")


def test_names_in_comments_and_of_locals_are_no_uses() -> None:
    asked = query(cursor("# restock often\ndef f(sku, other):\n    count = 1\n    take(sku, count)█\n"))
    assert asked.used == {"take"}


def test_a_long_file_is_parsed_where_it_matters() -> None:
    body = "".join(f"def f{number}():\n    return {number}\n\n" for number in range(400))
    asked = query(cursor(f"from .stock import Warehouse\n{body}def last():\n    restock(█)\n"))
    assert [each.name for each in asked.imports] == ["Warehouse"]
    assert "restock" in asked.used


def test_a_head_stays_while_it_says_most_of_what_would_be_chosen() -> None:
    first = (Snippet("a.py", "a\n", "", 1.0), Snippet("b.py", "b\n", "", 9.0))
    assert settled((), first) == first
    nearly = (Snippet("c.py", "c\n", "", 1.0), first[1])
    assert settled(first, nearly) == first
    other = (Snippet("c.py", "c\n", "", 9.0),)
    assert settled(first, other) == other
    changed = (first[0], Snippet("b.py", "changed\n", "", 9.0))
    assert settled(first, changed) == changed
    assert settled(first, ()) == first


def test_a_head_stays_where_another_choice_of_lines_of_the_same_file_is_nearly_the_same() -> None:
    shown = "def a()\ndef b()\ndef c()\ndef d()\n"
    first = (Snippet("a.py", shown, "", 1.0, "1"),)
    assert settled(first, (Snippet("a.py", shown.replace("def d()\n", ""), "", 1.0, "1"),)) == first
    assert settled(first, (Snippet("a.py", "def b()\ndef c()\ndef d()\ndef e()\n", "", 1.0, "1"),)) == first
    other = (Snippet("a.py", "def c()\ndef d()\ndef e()\ndef f()\n", "", 1.0, "1"),)
    assert settled(first, other) == other
    edited = (Snippet("a.py", shown.replace("def d()\n", ""), "", 1.0, "2"),)
    assert settled(first, edited) == edited
    untouched = (Snippet("a.py", shown, "", 1.0, "2"),)
    assert settled(first, untouched) == first, "what was edited is not shown"


def test_a_snippet_has_the_version_of_its_file(project: Project) -> None:
    text = "from .stock import Warehouse\nw = █"
    on_disk = found(project, text).snippets[-1]
    unsaved = extract("shop/stock.py", FILES["shop/stock.py"].encode() + b"\n")
    opened = found(Project(project.reader, {unsaved.path: unsaved}), text).snippets[-1]
    assert on_disk.path == opened.path == "shop/stock.py"
    assert on_disk.version
    assert on_disk.version != opened.version


def test_keys_are_in_no_prompt(tmp_path: Path) -> None:
    key = "q8Zf" + "1LxT" + "v0Rm" + "C3ws" + "Yb7K" + "n5Pd"
    text = f'api_key = "{key}"\nx = █\npassword = "{key}"\n'
    at = cursor(text)
    shown = window(at, at.offset, 500, 500)
    said = "".join(each.text for each in prompt(at, shown, FIM))
    assert key not in said
    assert "api_key = " in said
    assert len(shown.prefix) == at.offset
