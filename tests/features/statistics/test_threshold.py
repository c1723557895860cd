"""The threshold for showing suggestions is bounded, and each outcome moves it in the right direction only."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.statistics.threshold import BANDS, MAX_BANDS_HIDDEN, MIN_OUTCOMES, threshold

Bands = tuple[list[int], list[int]]


@st.composite
def outcomes(draw: st.DrawFn) -> Bands:
    """Draw numbers of shown and accepted suggestions per band, enough of them to learn from."""
    shown = draw(st.lists(st.integers(0, 200), min_size=BANDS, max_size=BANDS))
    shown[draw(st.integers(0, BANDS - 1))] += MIN_OUTCOMES
    return shown, [draw(st.integers(0, count)) for count in shown]


def incremented(counts: list[int], band: int) -> list[int]:
    return [count + (number == band) for number, count in enumerate(counts)]


@given(outcomes())
def test_highest_bands_are_always_shown(bands: Bands) -> None:
    assert 0.0 <= threshold(*bands) <= MAX_BANDS_HIDDEN / BANDS
    assert threshold(bands[0], [0] * BANDS) <= MAX_BANDS_HIDDEN / BANDS


@given(outcomes(), st.integers(0, BANDS - 1))
def test_one_more_accepted_suggestion_never_raises_the_threshold(bands: Bands, band: int) -> None:
    shown, accepted = bands
    assert threshold(incremented(shown, band), incremented(accepted, band)) <= threshold(shown, accepted)


@given(outcomes(), st.integers(0, BANDS - 1))
def test_one_more_suggestion_not_accepted_never_lowers_the_threshold(bands: Bands, band: int) -> None:
    shown, accepted = bands
    assert threshold(incremented(shown, band), accepted) >= threshold(shown, accepted)


@given(outcomes())
def test_outcomes_in_the_highest_bands_do_not_change_the_threshold(bands: Bands) -> None:
    shown, accepted = bands
    low = threshold(shown, accepted)
    assert threshold(shown, [*accepted[:MAX_BANDS_HIDDEN], *shown[MAX_BANDS_HIDDEN:]]) == low


def test_threshold_stays_zero_until_there_are_enough_outcomes() -> None:
    shown = [0] * BANDS
    shown[0] = MIN_OUTCOMES - 1
    assert threshold(shown, [0] * BANDS) == 0.0
    shown[0] += 1
    assert threshold(shown, [0] * BANDS) == 0.05


def test_prior_outweighs_four_rejections_per_band() -> None:
    assert threshold([4] * BANDS, [0] * BANDS) == 0.0
    assert threshold([5] * BANDS, [0] * BANDS) == MAX_BANDS_HIDDEN / BANDS


def test_bands_with_few_acceptances_are_hidden_only_below_better_bands() -> None:
    bad_below = ([100] * BANDS, [0, 0, 0, *[40] * (BANDS - 3)])
    assert threshold(*bad_below) == 0.15
    good_below = ([100, 100, *[20] * (BANDS - 2)], [60, 60, *[1] * (BANDS - 2)])
    assert threshold(*good_below) == 0.0
