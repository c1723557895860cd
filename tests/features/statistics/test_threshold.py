"""The threshold for showing: bounded, and moved only the way that evidence points."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.statistics.threshold import BANDS, MIN_OUTCOMES, MOST, threshold

Bands = tuple[list[int], list[int]]


@st.composite
def outcomes(draw: st.DrawFn) -> Bands:
    """Outcomes by band, enough of them to learn from."""
    shown = draw(st.lists(st.integers(0, 200), min_size=BANDS, max_size=BANDS))
    shown[draw(st.integers(0, BANDS - 1))] += MIN_OUTCOMES
    return shown, [draw(st.integers(0, count)) for count in shown]


def added(counts: list[int], at: int) -> list[int]:
    return [count + (number == at) for number, count in enumerate(counts)]


@given(outcomes())
def test_it_can_never_silence_completion(bands: Bands) -> None:
    assert 0.0 <= threshold(*bands) <= MOST / BANDS
    assert threshold(bands[0], [0] * BANDS) <= MOST / BANDS


@given(outcomes(), st.integers(0, BANDS - 1))
def test_one_more_taken_never_raises_it(bands: Bands, at: int) -> None:
    shown, taken = bands
    assert threshold(added(shown, at), added(taken, at)) <= threshold(shown, taken)


@given(outcomes(), st.integers(0, BANDS - 1))
def test_one_more_not_taken_never_lowers_it(bands: Bands, at: int) -> None:
    shown, taken = bands
    assert threshold(added(shown, at), taken) >= threshold(shown, taken)


@given(outcomes())
def test_bands_above_the_most_change_nothing(bands: Bands) -> None:
    shown, taken = bands
    low = threshold(shown, taken)
    assert threshold(shown, [*taken[:MOST], *shown[MOST:]]) == low


def test_little_evidence_changes_nothing() -> None:
    shown = [0] * BANDS
    shown[0] = MIN_OUTCOMES - 1
    assert threshold(shown, [0] * BANDS) == 0.0
    shown[0] += 1
    assert threshold(shown, [0] * BANDS) == 0.05


def test_a_few_refusals_in_a_band_are_outweighed_by_the_prior() -> None:
    assert threshold([4] * BANDS, [0] * BANDS) == 0.0
    assert threshold([5] * BANDS, [0] * BANDS) == MOST / BANDS


def test_a_bad_band_below_good_ones_is_cut_off_and_one_above_is_not() -> None:
    bad_below = ([100] * BANDS, [0, 0, 0, *[40] * (BANDS - 3)])
    assert threshold(*bad_below) == 0.15
    good_below = ([100, 100, *[20] * (BANDS - 2)], [60, 60, *[1] * (BANDS - 2)])
    assert threshold(*good_below) == 0.0
