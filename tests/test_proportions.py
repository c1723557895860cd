"""`wilson` gives the published values of Wilson's confidence interval."""

import pytest

from slm_lsp.proportions import wilson


@pytest.mark.parametrize(
    ("passed", "count", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_matches_published_values(passed: int, count: int, low: float, high: float) -> None:
    assert wilson(passed, count) == pytest.approx((low, high), abs=5e-5)


def test_interval_of_a_rate_of_one_ends_at_one() -> None:
    low, high = wilson(20, 20)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(1 - 0.1611, abs=5e-5)


def test_interval_of_zero_trials_is_zero_to_one() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
