"""Imports that a new unit needs are added to the imports of the file."""

import pytest

from slm_lsp.features.edit.imports import EditedUnit, with_imports
from slm_lsp.languages.registry import languages

HEAD = "import json\n\n\n"
OLD = "def load(path):\n    return json.load(open(path))"
TAIL = "\n\n\nprint(load('a'))\n"


def edited(new_unit: str, head: str = HEAD, old_unit: str = OLD, tail: str = TAIL) -> EditedUnit:
    return EditedUnit(head + new_unit + tail, len(head), len(head + new_unit), head + old_unit + tail, old_unit)


@pytest.mark.parametrize(
    ("new_unit", "head", "unit"),
    [
        (
            "def load(path):\n    return json.loads(Path(path).read_text())",
            "import json\nfrom pathlib import Path\n\n\n",
            None,
        ),
        ("def load(path):\n    return math.floor(2.5)", "import json\nimport math\n\n\n", None),
        (
            "def load(path):\n    from pathlib import Path\n\n    return Path(path)",
            "import json\nfrom pathlib import Path\n\n\n",
            "def load(path):\n    return Path(path)",
        ),
        (
            "from typing import Any\n\ndef load(path: str) -> Any:\n    return json.load(open(path))",
            "import json\nfrom typing import Any\n\n\n",
            "def load(path: str) -> Any:\n    return json.load(open(path))",
        ),
    ],
    ids=["class of the standard library", "module of the standard library", "import in the body", "import above"],
)
def test_imports_of_a_new_unit_move_to_the_imports_of_the_file(new_unit: str, head: str, unit: str | None) -> None:
    assert with_imports(edited(new_unit), languages()["python"]) == head + (unit or new_unit) + TAIL


@pytest.mark.parametrize(
    ("new_unit", "head"),
    [
        ("def load(path):\n    return unknown(path)", HEAD),
        ("def load(path):\n    return json.loads(path)", HEAD),
        ("def load(path):\n    return sqrt(2)", "from math import *\n\n\n"),
    ],
    ids=["unknown name", "nothing missing", "wildcard import"],
)
def test_import_is_added_only_for_a_name_that_is_certainly_missing(new_unit: str, head: str) -> None:
    given = edited(new_unit, head)
    assert with_imports(given, languages()["python"]) == given.text


def test_name_that_was_undefined_before_is_not_imported() -> None:
    given = edited("def load(path):\n    return Path(path, 1)", old_unit="def load(path):\n    return Path(path)")
    assert with_imports(given, languages()["python"]) == given.text


def test_languages_without_rules_stay_as_they_are() -> None:
    given = edited("new")
    assert with_imports(given, None) == given.text
    assert with_imports(given, languages()["perl"]) == given.text
