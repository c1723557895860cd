"""Normalizing names."""

import pytest

from slm_lsp.languages.names import clean_name, local_name


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("python", "price", "price"),
        ("cobol", '"PRINTTOT"', "PRINTTOT"),
        ("cobol", "WORKERS SECTION.", "WORKERS"),
        ("cobol", "WORKERS SECTION 50.", "WORKERS"),
        ("cobol", "READ-PARCEL.", "READ-PARCEL"),
        ("sql", '"Users"', "Users"),
        ("sql", "`Users`", "Users"),
        ("r", "`my rates`", "my rates"),
        ("fsharp", "``heavy one``", "heavy one"),
        ("ruby", ":label", "label"),
        ("ruby", ':"a label"', "a label"),
        ("powershell", "$Label", "Label"),
        ("javascript", "$label", "$label"),
        ("haskell", "foldl'", "foldl'"),
        ("cpp", "operator  ==", "operator =="),
    ],
)
def test_clean_name_removes_quotes_prefixes_and_heading_words(language: str, text: str, name: str) -> None:
    assert clean_name(text, language) == name


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("a.b", "b"),
        (".rates", "rates"),
        ("..", ""),
        ("./rates.js", "rates"),
        ("./rates", "rates"),
        ("../", ""),
        (".\\rates.psm1", "rates"),
        ("legacy.php", "legacy"),
        ("Rates.h", "Rates"),
        ("parcels.g.dart", "parcels.g"),
        ("package:shop/rates.dart", "rates"),
        ("gopkg.in/yaml.v3", "yaml"),
        ("System.Xml", "Xml"),
        ("dart:math", "math"),
        ("Shop::Rates", "Rates"),
        ("Shop\\Rates\\RateTable", "RateTable"),
    ],
)
def test_local_name_is_the_last_part_of_the_module_path(module: str, name: str) -> None:
    assert local_name(module) == name
