"""Tasks run in order and report progress."""

from slm_lsp.harness.report import Rate, interval
from slm_lsp.harness.tasks import Progress, run_tasks


async def test_tasks_run_in_order_and_progress_counts_tasks_of_several_calls() -> None:
    seen: list[tuple[int, int]] = []
    progress = Progress(3, lambda done, of: seen.append((done, of)))

    async def double(number: int) -> int:
        return 2 * number

    assert await run_tasks([1, 2], double, progress) == [2, 4]
    assert await run_tasks([3], double, progress) == [6]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_rate_has_a_wilson_interval() -> None:
    found = Rate.of(5, 10)
    assert found.rate == 0.5
    assert 0 < found.ci95[0] < 0.5 < found.ci95[1] < 1
    assert interval((0.25, 0.75)) == "95 % interval 0.250 to 0.750"
