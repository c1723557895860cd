"""The delay between a request and the start of its generation."""

from slm_lsp.server.debounce import MAX_DELAY_S, Debounce


def delays(intervals: list[float]) -> list[float]:
    """Return the delay of each request, given the seconds between each request and the previous request."""
    debounce, now, found = Debounce(), 0.0, []
    for interval in intervals:
        now += interval
        found.append(debounce.delay(now))
    return found


def test_slow_typing_is_not_delayed() -> None:
    assert delays([1.0, 0.5, 2.0]) == [0.0, 0.0, 0.0]


def test_during_a_burst_the_delay_is_longer_than_the_usual_interval() -> None:
    found = delays([1.0, 0.08, 0.08, 0.09, 0.08])
    assert found[0] == 0.0
    assert all(0.09 < each < MAX_DELAY_S for each in found[1:])


def test_delay_is_limited_and_a_pause_ends_the_burst() -> None:
    assert max(delays([0.29] * 9)) <= MAX_DELAY_S
    assert delays([0.1, 0.1, 0.6])[-1] == 0.0
