"""The tree of a text is parsed once, and gives the same results as a tree that is parsed from scratch."""

import threading
from pathlib import Path

import pytest
from tree_sitter import Node, Tree

from slm_lsp.bench.typing import load_sessions, replay, spread
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages import syntax_tree as module
from slm_lsp.languages.parse import LIMIT_S, parse
from slm_lsp.languages.registry import Language, language_of, languages
from slm_lsp.languages.syntax_tree import SyntaxTree

TYPING = Path(__file__).parent.parent.parent / "fixtures" / "typing"


class Parses:
    """Counts the parses of whole texts and of changed regions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.whole = self.changed = 0
        whole, changed = module.parse, module.parse_again

        def count_whole(language: Language, source: bytes, limit_s: float) -> Tree | None:
            self.whole += 1
            return whole(language, source, limit_s)

        def count_changed(language: Language, tree: Tree, old: bytes, new: bytes, limit_s: float) -> Tree | None:
            self.changed += 1
            return changed(language, tree, old, new, limit_s)

        monkeypatch.setattr(module, "parse", count_whole)
        monkeypatch.setattr(module, "parse_again", count_changed)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Parses:
    return Parses(monkeypatch)


@pytest.fixture
def python() -> Language:
    return languages()["python"]


def errors(node: Node) -> int:
    """Return the number of nodes that did not parse, without the nodes inside such nodes."""
    if node.is_missing or node.is_error:
        return 1
    return sum(errors(each) for each in node.children if each.has_error) if node.has_error else 0


def test_reused_trees_have_the_same_errors_as_trees_parsed_from_scratch() -> None:
    different = count = 0
    for session in spread(load_sessions(TYPING), 6):
        language = language_of(session.file)
        assert language is not None
        syntax = None
        for state in replay(session):
            syntax = SyntaxTree(language, state.text, syntax)
            tree, fresh = syntax.tree(LIMIT_S), parse(language, syntax.source)
            assert tree is not None
            assert fresh is not None
            assert errors(tree.root_node) == errors(fresh.root_node)
            different += str(tree.root_node) != str(fresh.root_node)
            count += 1
    assert different <= count // 50  # For texts with syntax errors, the two trees may recover differently.


@pytest.mark.parametrize("name", ["cobol", "fortran", "perl"])
def test_edit_that_changes_the_preparation_of_other_lines_gives_the_correct_tree(name: str) -> None:
    """In these languages, texts are prepared for the parser. An edit may change the preparation of other lines."""
    texts = {
        "cobol": (
            "       IDENTIFICATION DIVISION.\n       PROGRAM-ID. P.\n       PROCEDURE DIVISION.\n       A.\n"
            "           EXEC SQL SELECT 1\n           DISPLAY X.\n           STOP RUN.\n",
            ("STOP RUN.\n", "END-EXEC. STOP RUN.\n"),
        ),
        "fortran": ("C  One.\n      SUBROUTINE A\n      END\n", ("C  One.\n", "C  One.\n" + "x = 1\n" * 5)),
        "perl": ("my $x = 1; # note", ("note", "note\n")),
    }
    text, (old, new) = texts[name]
    language = languages()[name]
    before = SyntaxTree(language, text)
    before.tree(LIMIT_S)
    after = SyntaxTree(language, text.replace(old, new), before)
    tree, fresh = after.tree(LIMIT_S), parse(language, after.source)
    assert tree is not None
    assert fresh is not None
    assert str(tree.root_node) == str(fresh.root_node)


def test_first_version_is_parsed_once_and_later_versions_only_where_they_differ(
    parses: Parses, python: Language
) -> None:
    first = SyntaxTree(python, "x = 1\n")
    assert first.tree(LIMIT_S) is first.tree(LIMIT_S)
    assert (parses.whole, parses.changed) == (1, 0)
    version = first
    for number in range(5):  # Nothing needs the trees of these versions.
        version = SyntaxTree(python, f"x = {number}\n", version)
    version.tree(LIMIT_S)
    version.tree(LIMIT_S)
    assert (parses.whole, parses.changed) == (1, 1)


def test_unparsed_versions_reuse_the_tree_of_the_first_version(parses: Parses, python: Language) -> None:
    first = SyntaxTree(python, "x = 1\n")
    second = SyntaxTree(python, "x = 12\n", first)
    third = SyntaxTree(python, "x = 123\n", second)
    first.tree(LIMIT_S)
    third.tree(LIMIT_S)
    assert (parses.whole, parses.changed) == (1, 1)


def test_tree_of_another_language_is_not_reused(parses: Parses, python: Language) -> None:
    before = SyntaxTree(python, "x = 1\n")
    before.tree(LIMIT_S)
    SyntaxTree(languages()["ruby"], "x = 1\n", before).tree(LIMIT_S)
    assert (parses.whole, parses.changed) == (2, 0)


def test_language_without_a_grammar_has_no_tree() -> None:
    assert SyntaxTree(None, "x").tree(LIMIT_S) is None


def test_timeout_is_not_repeated_with_the_same_limit(parses: Parses, python: Language) -> None:
    syntax = SyntaxTree(python, "x = [1, 2, 3]\n" * 20_000)
    for _ in range(3):
        with pytest.raises(ParseTimeoutError):
            syntax.tree(0.001)
    assert parses.whole == 1
    assert syntax.tree(30.0) is not None
    assert parses.whole == 2


def test_threads_that_need_the_same_tree_parse_it_once(parses: Parses, python: Language) -> None:
    syntax = SyntaxTree(python, "x = 1\n" * 2_000)
    threads = [threading.Thread(target=syntax.tree, args=(LIMIT_S,)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert parses.whole == 1
