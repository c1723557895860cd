"""The number of threads follows the load of the machine."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from slm_lsp.engine.daemon.threads import RETRY_S, TRIALS, ThreadChoice
from slm_lsp.engine.load import LoadMeter, Reading

Slowness = Callable[[int], float]
"""Returns the slowdown of a batch by its number of threads."""


class Simulation:
    """Simulates batches under load. Each batch takes 0.1 s multiplied by its slowdown."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.choice = ThreadChoice(most, lambda: self.now)

    def run(self, batches: int, contended: float, slowness: Slowness, prompt: bool = False) -> list[int]:
        """Return the number of threads of each batch."""
        used = []
        for _ in range(batches):
            threads = self.choice.choose(prompt, contended)
            self.choice.note(prompt, threads, slowness(threads))
            self.now += 0.1 * slowness(threads)
            used.append(threads)
        return used


def waits_for_the_slowest(threads: int) -> float:
    """Return the slowdown if one of two cores is busy: two threads wait for the thread on the busy core."""
    return 3.0 if threads == 2 else 1.6


def shares_everything(threads: int) -> float:
    """Return the slowdown if all cores are busy: more threads get more processor time."""
    return 4.0 if threads == 2 else 6.0


def test_all_threads_are_used_on_an_idle_machine() -> None:
    assert set(Simulation(4).run(50, 0.1, waits_for_the_slowest)) == {4}


def test_single_core_always_uses_one_thread() -> None:
    assert set(Simulation(1).run(50, 1.0, waits_for_the_slowest)) == {1}


def test_fewer_threads_are_used_while_they_are_faster() -> None:
    simulation = Simulation(2)
    used = simulation.run(100, 1.0, waits_for_the_slowest)
    assert used[:TRIALS] == [1] * TRIALS
    assert used.count(1) >= 90
    assert set(simulation.run(20, 0.0, waits_for_the_slowest)) == {2}


def test_all_threads_are_used_if_fewer_are_not_faster() -> None:
    used = Simulation(2).run(100, 2.0, shares_everything)
    assert used[2 * TRIALS :].count(2) >= 85


def test_choice_does_not_oscillate_between_equally_fast_thread_counts() -> None:
    used = Simulation(2).run(300, 1.0, lambda threads: 2.0)
    changes = sum(one != other for one, other in pairwise(used))
    seconds = 300 * 0.2
    assert changes <= 4 + 2 * seconds / RETRY_S


def test_thread_count_that_becomes_faster_under_the_same_load_is_chosen() -> None:
    simulation = Simulation(2)
    simulation.run(60, 1.0, waits_for_the_slowest)
    assert simulation.run(200, 1.0, lambda threads: 1.0 if threads == 2 else 2.0)[-20:].count(2) >= 18


def test_prompts_and_answers_have_separate_choices() -> None:
    simulation = Simulation(2)
    prompts, answers = [], []
    for _ in range(60):
        prompts += simulation.run(1, 1.0, waits_for_the_slowest, prompt=True)
        answers += simulation.run(1, 1.0, shares_everything, prompt=False)
    assert prompts[20:].count(1) >= 30
    assert answers[20:].count(2) >= 30


@pytest.mark.parametrize(
    ("spare", "others", "expected"), [(0, 1.0, 1.0), (0, 0.0, 0.0), (2, 1.0, 0.0), (2, 3.0, 1.0), (0, -0.1, 0.0)]
)
def test_meter_subtracts_spare_processors(spare: int, others: float, expected: float) -> None:
    now = 0.0
    meter = LoadMeter(spare, lambda: Reading(busy=now * (others + 1.5), own=now * 1.5), lambda: now)
    now = 0.1
    assert meter.contended() == 0.0, "the window is not over yet"
    now = 1.0
    assert meter.contended() == pytest.approx(expected)


def test_meter_reads_the_counters_of_this_machine() -> None:
    now = 0.0
    meter = LoadMeter(0, clock=lambda: now)
    now = 1.0
    assert meter.contended() >= 0.0
