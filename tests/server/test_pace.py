"""How long a request waits before something is done about it."""

from slm_lsp.server.pace import LONGEST_S, Pace


def waits(gaps: list[float]) -> list[float]:
    pace, now, found = Pace(), 0.0, []
    for gap in gaps:
        now += gap
        found.append(pace.key(now))
    return found


def test_who_types_slowly_never_waits() -> None:
    assert waits([1.0, 0.5, 2.0]) == [0.0, 0.0, 0.0]


def test_in_a_burst_nothing_is_begun_before_a_key_is_late() -> None:
    found = waits([1.0, 0.08, 0.08, 0.09, 0.08])
    assert found[0] == 0.0
    assert all(0.09 < each < LONGEST_S for each in found[1:])


def test_no_wait_is_long_and_a_pause_ends_a_burst() -> None:
    assert max(waits([0.29] * 9)) <= LONGEST_S
    assert waits([0.1, 0.1, 0.6])[-1] == 0.0
