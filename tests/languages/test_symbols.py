"""What is found in the samples of every language: `fixtures/languages/*/facts.txt` says what that should be."""

import pytest

from slm_lsp.languages.parse import compiled_query, parse
from slm_lsp.languages.registry import FULL, languages
from slm_lsp.languages.symbols import KINDS, definitions
from tests.languages.facts import FOLDER, facts, sample

UNDERSTOOD = sorted(name for name, language in languages().items() if language.level != "chunks")


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_the_facts_of_a_sample(name: str) -> None:
    assert list(facts(languages()[name])) == (FOLDER / name / "facts.txt").read_text().splitlines()


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_sample_is_valid_and_its_definitions_are_of_known_kinds(name: str) -> None:
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
def test_half_of_a_sample_does_no_harm(name: str) -> None:
    """While people type, the text is mostly broken."""
    language = languages()[name]
    source = sample(language).read_bytes()
    for end in range(0, len(source), max(len(source) // 40, 1)):
        tree = parse(language, source[:end])
        assert tree is not None
        definitions(language, tree, source[:end])


def test_functions_in_one_another_do_not_each_keep_the_names_of_all() -> None:
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


def test_a_comment_deep_in_a_signature_is_left_out_however_deep() -> None:
    source = ("def f(x=" + "[" * 1200 + "1 # c\n" + "]" * 1200 + "): pass\n").encode()
    language = languages()["python"]
    tree = parse(language, source)
    assert tree is not None
    assert "# c" not in definitions(language, tree, source)[0].signature
