"""For any counts, the plots stay within their frames and their bars are proportional to the counts."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.statistics.page import HEIGHT, LEFT, WIDTH, day_columns, latency_columns, percent
from slm_lsp.features.statistics.summary import Day, LatencyBin

COUNTS = st.integers(0, 10**6)


@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=180))
def test_column_of_a_day_is_proportional_to_its_count(pairs: list[tuple[int, int]]) -> None:
    days = [Day(f"2026-01-{number:02}", max(pair), min(pair)) for number, pair in enumerate(pairs)]
    plot = day_columns(days)
    assert len(plot.columns) == len(days)
    assert all(day.shown <= plot.top for day in days)
    for day, column in zip(days, plot.columns, strict=True):
        assert LEFT <= column.x <= column.x + column.width <= WIDTH
        assert abs(column.height / HEIGHT - day.shown / plot.top) < 0.001
        assert abs(column.inner_height / HEIGHT - day.accepted / plot.top) < 0.001
        assert abs(column.y + column.height - HEIGHT) < 0.11
    rights = [column.x + column.width for column in plot.columns]
    assert all(right <= column.x for right, column in zip(rights, plot.columns[1:], strict=False))
    assert sum(bool(column.label) for column in plot.columns) <= 3


@given(COUNTS)
def test_scale_is_at_most_twice_the_largest_count(count: int) -> None:
    top = latency_columns([LatencyBin(0, 100, count), LatencyBin(100, None, 0)]).top
    assert count <= top <= max(2 * count, 1)


def test_percent_formats_a_share() -> None:
    assert [percent(share) for share in (None, 0.0, 0.296, 1.0)] == ["–", "0 %", "30 %", "100 %"]  # noqa: RUF001
