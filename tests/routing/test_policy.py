"""The policy that chooses the tier or model that answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from slm_lsp.engine.api import Estimated, ModelRef
from slm_lsp.routing.policy import LINE_TOKENS, Choice, answer_s, basis, best, route, too_slow

FAST = Choice(ModelRef("fast.gguf"), "small", "fast", "")
STRONG = Choice(ModelRef("strong.gguf"), "large", "strong", "")


@pytest.mark.parametrize(
    ("fast_s", "strong_s", "chosen", "why"),
    [
        (0.3, None, FAST, "not in memory yet"),
        (None, None, FAST, "not in memory yet"),
        (0.3, 0.7, STRONG, "takes about 0.7 s"),
        (None, 0.7, STRONG, "takes about 0.7 s"),
        (5.0, 13.0, FAST, "about 5.0 s; the strong model would take 13.0 s"),
        (None, 13.0, FAST, "the strong model would take 13.0 s"),
        (5.0, 2.0, STRONG, "the fast model is not faster"),
    ],
)
def test_the_strong_tier_answers_if_it_fits_the_budget_or_is_not_slower(
    fast_s: float | None, strong_s: float | None, chosen: Choice, why: str
) -> None:
    found = route(FAST, STRONG, fast_s, strong_s, budget_s=1.5)
    assert found.model == chosen.model
    assert why in found.why


def test_answer_time_is_prefill_plus_one_line() -> None:
    assert (
        answer_s(Estimated(1, loaded=True, missing_tokens=70, prefill_s=1.0, token_s=0.05)) == 1.0 + LINE_TOKENS * 0.05
    )
    assert answer_s(Estimated(1, loaded=False)) is None
    assert answer_s(None) is None


def test_a_tier_is_too_slow_if_a_line_exceeds_the_budget() -> None:
    assert too_slow(Estimated(1, loaded=True, prefill_s=0.0, token_s=0.2), 1.5)
    assert not too_slow(Estimated(1, loaded=True, prefill_s=60.0, token_s=0.05), 1.5)
    assert not too_slow(None, 1.5)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (None, ""),
        (Estimated(1, loaded=False), ""),
        (Estimated(1, loaded=True, token_s=0.1), ""),
        (Estimated(1, loaded=True, age_s=40.0), "measured 40 s ago on a quiet machine"),
        (Estimated(1, loaded=True, age_s=200.0, load=1.04), "measured 3 min ago while other programs used 1.0 cores"),
        (
            Estimated(1, loaded=True, age_s=1e5, slowdown=1.8),
            "measured 1 d ago on a quiet machine, now 1.8 times slower",
        ),
    ],
)
def test_basis_contains_the_age_load_and_slowdown_of_the_measurement(estimate: Estimated | None, text: str) -> None:
    assert basis(estimate) == text


class TestBest:
    """`best` chooses the model for callers that can wait."""

    @pytest.fixture
    def choices(self, tmp_path: Path) -> tuple[Choice, Choice]:
        """A fast model of 100 bytes and a strong model of 1000 bytes."""
        (tmp_path / "fast.gguf").write_bytes(b"x" * 100)
        (tmp_path / "strong.gguf").write_bytes(b"x" * 1000)
        files = tmp_path / "fast.gguf", tmp_path / "strong.gguf"
        return replace(FAST, model=ModelRef.of(files[0])), replace(STRONG, model=ModelRef.of(files[1]))

    def test_the_strong_model_is_chosen_if_it_fits_the_memory(self, choices: tuple[Choice, Choice]) -> None:
        found = best(choices, free_bytes=1500)
        assert (found.name, found.why) == ("large", "strong: the best installed model; a command waits for it")

    def test_the_fast_model_is_chosen_if_the_strong_one_is_too_large(self, choices: tuple[Choice, Choice]) -> None:
        found = best(choices, free_bytes=1400)
        assert found.name == "small"
        assert found.why.startswith("fast: the strong model needs about ")

    def test_a_loaded_model_needs_no_free_memory(self, choices: tuple[Choice, Choice]) -> None:
        assert best(choices, free_bytes=0, loaded={choices[1].model}).name == "large"

    def test_the_fast_model_is_chosen_if_no_model_fits(self, choices: tuple[Choice, Choice]) -> None:
        assert best(choices, free_bytes=0).name == "small"

    def test_a_single_choice_is_returned_whatever_its_size(self) -> None:
        assert best([STRONG], free_bytes=0) is STRONG
