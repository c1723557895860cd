"""Lists what the queries of a language find in its sample, one fact per line.

`fixtures/languages/LANGUAGE/` contains `sample.EXTENSION` and the expected facts in `facts.txt`. After changing
queries, print the new facts with `python -m tests.languages.facts LANGUAGE`, compare them with the sample, and save
them if they are correct.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language, languages
from slm_lsp.languages.symbols import definitions, imports, references, scopes

FOLDER = Path(__file__).parents[2] / "fixtures" / "languages"


def sample(language: Language) -> Path:
    """The path of a language's sample."""
    (found,) = (FOLDER / language.name).glob("sample*")
    return found


def facts(language: Language) -> Iterator[str]:
    """The definitions, imports, referenced names by kind, and scopes of a language's sample."""
    source = sample(language).read_bytes()
    tree = parse(language, source)
    assert tree is not None
    for each in definitions(language, tree, source):
        doc = f"  -- {each.doc}" if each.doc else ""
        yield f"{each.kind} {each.qualified} {each.first_line + 1}-{each.last_line + 1}: {each.signature}{doc}"
    for one in imports(language, tree, source):
        yield f"import line {one.line + 1}: module {one.module!r} name {one.name!r} as {one.local!r}"
    used = references(language, tree, source)
    for kind in ("call", "type", "name"):
        names = sorted({each.name for each in used if each.kind == kind})
        if names:
            yield f"uses, {kind}: {' '.join(names)}"
    if language.level == "full":
        for scope in scopes(language, tree, source):
            first, last = (source[:at].count(b"\n") + 1 for at in (scope.start, max(scope.end - 1, scope.start)))
            yield f"scope {first}-{last}: {' '.join(sorted(scope.names))}".rstrip()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write("\n".join(facts(languages()[name])) + "\n")
