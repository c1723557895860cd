"""Signatures, documentation and ends of definitions, for texts that the samples do not contain."""

import pytest

from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import languages
from slm_lsp.languages.symbols import Definition, definitions


def _found(name: str, text: str) -> list[Definition]:
    source = text.encode()
    tree = parse(languages()[name], source)
    assert tree is not None
    return definitions(languages()[name], tree, source)


@pytest.mark.parametrize(
    ("language", "text", "signature"),
    [
        ("python", 'def f(a,  # one\n      b="#1"):  # two\n    return 1\n', 'def f(a, b="#1"):'),
        ("python", "x = [  # one\n    1,\n]\n", "x = ["),
        ("java", "class A /* one */ extends B { // two\n}\n", "class A extends B"),
        ("graphql", '"""\nOne.\n"""\ntype A implements B {\n  id: ID!\n}\n', "type A implements B"),
        ("clojure", "(defn heavy? [x]\n  (> x 1))\n", "(defn heavy? [x]"),
    ],
)
def test_signature_contains_no_comments_or_descriptions(language: str, text: str, signature: str) -> None:
    assert _found(language, text)[0].signature == signature


@pytest.mark.parametrize(
    ("language", "text", "doc"),
    [
        ("bash", "#!/bin/sh\nf() {\n  echo\n}\n", ""),
        ("haskell", "module X where\n\n-- | One.\nf :: Int\nf = 1\n", "One."),
        ("haskell", "module X where\n\nimport Y\n\n{-| One. -}\nf = 1\n", "One."),
        ("elm", "module X exposing (..)\n\n{-| One.\n-}\nx : Int\nx = 1\n", "One."),
        ("ocaml", "(** One. *)\nlet f x = x\n", "One."),
        ("perl", "=head2 f\n\nOne.\n\n=cut\n\nsub f { 1 }\n", "One."),
        ("zig", "/// One.\npub fn f() void {}\n", "One."),
        ("erlang", "%% One.\n-spec f() -> ok.\nf() -> ok.\n", "One."),
        ("fsharp", "module X\n\nlet f x = x\n\n// One.\nlet g x = x\n", "One."),
        ("fsharp", "module X\n\n// One.\ntype A = { b: int }\n", ""),
        ("typescript", "class A {\n  // One.\n  @input()\n  f() {}\n}\n", "One."),
    ],
)
def test_comment_above_a_definition_is_its_documentation(language: str, text: str, doc: str) -> None:
    assert _found(language, text)[-1].doc == doc


def test_braces_of_a_pascal_comment_are_removed() -> None:
    found = _found("pascal", "unit X;\ninterface\nimplementation\n{ One. }\nprocedure P;\nbegin\nend;\nend.\n")
    assert [each.doc for each in found if each.name == "P"] == ["One."]


def test_definition_of_a_heading_ends_before_the_comment_of_the_next_heading() -> None:
    text = "package A;\n\nsub f { 1 }\n\n# Two.\npackage B;\n\nsub g { 1 }\n"
    assert [(each.qualified, each.first_line, each.last_line) for each in _found("perl", text)] == [
        ("A", 0, 2),
        ("A.f", 2, 2),
        ("B", 5, 7),
        ("B.g", 7, 7),
    ]


def test_data_items_of_a_copybook_are_definitions() -> None:
    text = (
        "      * One parcel.\n"
        "       01  PARCEL.\n"
        "           05  FILLER      PIC X.\n"
        "           05  WEIGHT      PIC 9(5).\n"
        "               88  LIGHT   VALUE 1.\n"
        "       01  TOTAL           PIC 9.\n"
    )
    found = _found("cobol", text)
    assert [(each.kind, each.qualified, each.first_line, each.last_line, each.doc) for each in found] == [
        ("record", "PARCEL", 1, 4, "One parcel."),
        ("field", "PARCEL.WEIGHT", 3, 4, ""),
        ("constant", "PARCEL.WEIGHT.LIGHT", 4, 4, ""),
        ("variable", "TOTAL", 5, 5, ""),
    ]
    assert text[found[0].start :].startswith("01  PARCEL.")


def test_paragraphs_of_a_copybook_are_definitions() -> None:
    text = "       ADD-UP.\n           ADD A TO B.\n       TAKE-OFF.\n           SUBTRACT A FROM B.\n"
    assert [(each.kind, each.name, each.last_line) for each in _found("cobol", text)] == [
        ("paragraph", "ADD-UP", 1),
        ("paragraph", "TAKE-OFF", 3),
    ]
