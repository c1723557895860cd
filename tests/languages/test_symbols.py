"""Symbols in the sample of every language, compared with `fixtures/languages/*/facts.txt`."""

import pytest

from slm_lsp.languages.parse import compiled_query, parse
from slm_lsp.languages.registry import FULL, languages
from slm_lsp.languages.symbols import KINDS, definitions
from tests.languages.facts import FOLDER, facts, sample

UNDERSTOOD = sorted(name for name, language in languages().items() if language.level != "chunks")


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_queries_find_the_expected_facts_in_the_sample(name: str) -> None:
    assert list(facts(languages()[name])) == (FOLDER / name / "facts.txt").read_text().splitlines()


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_sample_parses_without_errors_and_has_definitions_of_known_kinds(name: str) -> None:
    language = languages()[name]
    source = sample(language).read_bytes()
    tree = parse(language, source)
    assert tree is not None
    assert not tree.root_node.has_error
    found = definitions(language, tree, source)
    assert found
    assert {each.kind for each in found} <= KINDS


@pytest.mark.parametrize("name", sorted(languages()))
def test_every_query_compiles(name: str) -> None:
    for query in FULL:
        compiled_query(languages()[name], query)


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_truncated_samples_are_handled(name: str) -> None:
    """While the user types, most texts have syntax errors."""
    language = languages()[name]
    source = sample(language).read_bytes()
    for end in range(0, len(source), max(len(source) // 40, 1)):
        tree = parse(language, source[:end])
        assert tree is not None
        definitions(language, tree, source[:end])


def test_number_of_parent_names_of_deeply_nested_functions_is_limited() -> None:
    depth = 200
    source = "".join(f"function f{number}() {{\n" for number in range(depth)) + "}\n" * depth
    language = languages()["javascript"]
    tree = parse(language, source.encode())
    assert tree is not None
    found = definitions(language, tree, source.encode())
    assert len(found) == depth
    assert found[1].parent == "f0"
    assert max(each.parent.count(".") for each in found) < 20
    assert found[-1].parent.endswith(f"f{depth - 3}.f{depth - 2}")


def test_deeply_nested_comment_is_removed_from_the_signature() -> None:
    source = ("def f(x=" + "[" * 1200 + "1 # c\n" + "]" * 1200 + "): pass\n").encode()
    language = languages()["python"]
    tree = parse(language, source)
    assert tree is not None
    assert "# c" not in definitions(language, tree, source)[0].signature
