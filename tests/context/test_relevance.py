"""Retrieval in a project with several languages (`fixtures/mixed`): which files it chooses, and how many tokens."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.config import CompletionSettings
from slm_lsp.context.companions import related
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import snippet_tokens
from slm_lsp.context.query import query
from slm_lsp.context.rare import rare_names
from slm_lsp.context.retrieve import Retrieved, retrieve
from slm_lsp.context.signals import History, Piece, SignalInput
from slm_lsp.context.window import HEAD_S, MIN_SNIPPET_TOKENS, snippet_budget
from slm_lsp.engine.api import ModelInfo
from slm_lsp.index.extract import extract
from slm_lsp.index.indexer import Indexer
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Reader
from slm_lsp.index.store import Writer
from slm_lsp.languages.keywords import keywords
from slm_lsp.languages.registry import languages
from tests.conftest import FIXTURES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(FIXTURES / "mixed", tmp_path_factory.mktemp("mixed") / "work"))


@pytest.fixture(scope="module")
def project(root: Path) -> Iterator[Project]:
    folder = root.parent / "index"
    with Writer(folder) as writer:
        indexer = Indexer(root, folder, writer)
        indexer.check()
        indexer.close()
    reader = Reader(folder)
    yield Project(reader)
    reader.close()


def cursor_at(root: Path, path: str, line: str) -> Cursor:
    """Return a cursor at the end of the first line that contains `line`, in an otherwise unchanged file."""
    text = (root / path).read_text()
    at = text.index(line)
    return Cursor("mixed", path, text, text.index("\n", at))


def retrieve_at(project: Project, cursor: Cursor, tokens: int = 1000, history: History | None = None) -> Retrieved:
    opened = {cursor.path: extract(cursor.path, cursor.text.encode())}
    return retrieve(cursor, Project(project.reader, opened), history or History(), tokens)


def paths(result: Retrieved) -> set[str]:
    return {each.path for each in result.snippets}


def size(result: Retrieved) -> float:
    return sum(map(snippet_tokens, result.snippets))


PYTHON_POSITIONS = [
    ("billing/invoice.py", "self.paid = True"),
    ("billing/invoice.py", "return not self.paid"),
    ("billing/dunning.py", "return min("),
    ("billing/calendar.py", "while not is_working_day"),
]


@pytest.mark.parametrize(("path", "line"), PYTHON_POSITIONS)
def test_snippets_for_a_python_file_are_python_only(project: Project, root: Path, path: str, line: str) -> None:
    """The COBOL and web files share words such as `date`, `is`, `paid` and `settle`, in code and in comments."""
    found = paths(retrieve_at(project, cursor_at(root, path, line)))
    assert found
    assert {each.rpartition(".")[2] for each in found} == {"py"}


def test_snippets_for_a_cobol_file_contain_no_python_or_web_files(project: Project, root: Path) -> None:
    found = paths(retrieve_at(project, cursor_at(root, "legacy/DUEDATE.cbl", "PERFORM SETTLE-INVOICE")))
    assert not any(each.endswith((".py", ".js", ".html", ".css")) for each in found)


def test_a_file_in_a_companion_language_that_shares_names_is_chosen(project: Project, root: Path) -> None:
    found = paths(retrieve_at(project, cursor_at(root, "web/invoices.js", 'sendReminder.addEventListener("click"')))
    assert "web/invoices.html" in found
    assert not any(each.endswith((".py", ".cbl")) for each in found)


def test_a_recently_edited_file_in_an_unrelated_language_is_chosen(project: Project, root: Path) -> None:
    history = History(edits=[("legacy/DUEDATE.cbl", 12)], viewed=["legacy/CUSTBAL.cbl"])
    found = paths(retrieve_at(project, cursor_at(root, "billing/dunning.py", "return min("), history=history))
    assert "legacy/DUEDATE.cbl" in found
    assert "legacy/CUSTBAL.cbl" not in found, "viewing a file in an unrelated language must not be enough"


def test_a_file_in_an_unrelated_language_that_shares_compound_names_is_chosen(root: Path, tmp_path: Path) -> None:
    work = Path(shutil.copytree(root, tmp_path / "work"))
    (work / "export.yaml").write_text("fields:\n  - dunning_level\n  - reminders_sent\n")
    with Writer(tmp_path / "index") as writer:
        indexer = Indexer(work, tmp_path / "index", writer)
        indexer.check()
        indexer.close()
    found = retrieve_at(Project(Reader(tmp_path / "index")), cursor_at(root, "billing/dunning.py", "return min("))
    reasons = {each.path: each.reason for each in found.snippets}
    assert reasons["export.yaml"].startswith("shares rare names such as")
    assert "`dunning_level`" in reasons["export.yaml"]


def test_the_reason_contains_only_names_that_the_piece_shares(project: Project, root: Path) -> None:
    found = retrieve_at(project, cursor_at(root, "web/invoices.js", 'sendReminder.addEventListener("click"'))
    for each in found.snippets:
        for name in each.reason.partition("rare names such as ")[2].partition(";")[0].split(", "):
            assert not name or name.strip("`").lower() in each.text.lower(), each


@pytest.mark.parametrize(
    ("line", "excluded"),
    [
        ("return not self.paid", {"date", "is", "bool", "return", "not", "self", "days"}),
        ("while not is_working_day", {"while", "not", "day", "datetime", "def", "bool", "somebody", "whether"}),
    ],
)
def test_common_and_reserved_words_are_not_rare(project: Project, root: Path, line: str, excluded: set[str]) -> None:
    path = "billing/invoice.py" if "paid" in line else "billing/calendar.py"
    found = rare_names(query(cursor_at(root, path, line)), project)
    assert not excluded & found.rare
    assert set(found.words) <= found.rare


def test_a_word_in_many_chunks_of_a_small_project_is_not_rare(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for number in range(20):
        (work / f"m{number}.py").write_text(f"def freight_{number}(parcel):\n    return parcel * {number}\n")
    (work / "tariff.py").write_text("def tariff_zone(parcel):\n    return lookup_zone(parcel)\n")
    (work / "zones.py").write_text("def lookup_zone(parcel):\n    return parcel\n")
    with Writer(tmp_path / "index") as writer:
        indexer = Indexer(work, tmp_path / "index", writer)
        indexer.check()
        indexer.close()
    cursor = Cursor("work", "new.py", "def price(parcel):\n    return lookup_zone(parcel)\n", 18)
    found = rare_names(query(cursor), Project(Reader(tmp_path / "index")))
    assert "parcel" not in found.rare
    assert "lookup_zone" in found.rare


def test_the_unfinished_word_and_words_of_comments_are_not_distinctive() -> None:
    text = '"""Collect parcels."""\n# heavy freight\nimport os\n\ntariff_zone = compute_tariff(oversi\n'
    found = query(Cursor("x", "a.py", text, text.index("oversi") + len("oversi"))).distinctive
    assert {"tariff_zone", "compute_tariff"} <= found.keys()
    assert not {"oversi", "Collect", "parcels", "heavy", "freight"} & found.keys()


def fixed(pieces: Sequence[Piece]) -> dict[str, object]:
    return {"definitions": lambda _: iter(pieces)}


def piece(number: int, relevance: float, tokens: int) -> Piece:
    return Piece(f"f{number}.py", 0, 1, "x" * (3 * tokens - 20) + "\n", "", relevance)


def chosen(pieces: Sequence[Piece], tokens: int = 1000) -> Retrieved:
    cursor = Cursor("x", "a.py", "value = \n", 8)
    return retrieve(cursor, Project(None), History(), tokens, signals=fixed(pieces))  # type: ignore[arg-type]


def test_each_chosen_piece_raises_the_relevance_that_the_next_one_needs() -> None:
    result = chosen([piece(0, 1.0, 300), piece(1, 0.4, 200), piece(2, 0.6, 200), piece(3, 0.15, 50)])
    assert paths(result) == {"f0.py", "f2.py"}


def test_pieces_of_low_relevance_do_not_fill_the_budget() -> None:
    result = chosen([piece(number, 0.15, 60) for number in range(24)])
    assert 0 < size(result) <= 150


@given(
    st.lists(st.tuples(st.floats(0, 1.5), st.integers(20, 400)), max_size=20),
    st.integers(0, 1500),
)
def test_snippets_use_at_most_the_budget_times_the_best_relevance(pieces: list[tuple[float, int]], tokens: int) -> None:
    result = chosen([piece(number, relevance, length) for number, (relevance, length) in enumerate(pieces)], tokens)
    best = max((min(relevance, 1.0) for relevance, _ in pieces), default=0.0)
    assert size(result) <= best * tokens + 1e-6


@pytest.mark.parametrize("rate", [None, 10.0, 70.0, 200.0, 5000.0])
def test_the_snippet_budget_is_limited_by_the_prefill_rate(rate: float | None) -> None:
    info = ModelInfo("m", "ik", 8192, None, prefill_rate=rate)
    budget = snippet_budget(info, CompletionSettings())
    if rate is None:
        assert budget == 1000
    else:
        assert budget == min(1000, max(MIN_SNIPPET_TOKENS, int(rate * HEAD_S)))
    assert snippet_budget(info, CompletionSettings(snippet_tokens=0)) == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.py", "b.py", True),
        ("a.py", "b.cbl", False),
        ("a.py", "schema.sql", True),
        ("api.proto", "a.go", True),
        ("a.c", "a.h", True),
        ("a.h", "b.cpp", True),
        ("page.html", "style.css", True),
        ("page.html", "app.js", True),
        ("app.ts", "app.js", True),
        ("a.py", "README.md", False),
        ("a.py", "a.rs", False),
        ("schema.sql", "style.css", False),
        ("a.unknown", "b.unknown", True),
        ("a.unknown", "b.other", False),
    ],
)
def test_related_is_true_for_languages_that_are_used_together(one: str, other: str, expected: bool) -> None:
    assert related(one, other) is related(other, one) is expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("python", {"def", "return", "is", "bool", "len", "self"}),
        ("cobol", {"perform", "move", "accept", "date", "is", "pic", "end", "if"}),
        ("rust", {"fn", "let", "impl", "match"}),
        ("abap", {"method", "endmethod", "loop"}),
    ],
)
def test_keywords_of_a_language_contain_its_reserved_words(name: str, words: set[str]) -> None:
    assert words <= keywords(languages()[name])


def test_a_cobol_file_is_not_related_to_a_python_file(project: Project, root: Path) -> None:
    cursor = cursor_at(root, "billing/invoice.py", "return not self.paid")
    assert not SignalInput(query(cursor), project).is_related("legacy/DUEDATE.cbl")
