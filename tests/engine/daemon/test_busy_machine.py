"""`auto` chooses the right model before, during and after other programs use the machine.

The clock is simulated. Two models are in memory. The simulated batches slow down under load as measured on two cores.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.engine.api import Estimate, ModelRef, Segment
from slm_lsp.engine.backend import Backend, BackendOptions, DecodeAborted, DecodeFailed, Slot, open_backend
from slm_lsp.engine.daemon.calibration import Calibration
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import Rates, RatesFile
from slm_lsp.engine.load import LoadMeter, Reading
from slm_lsp.routing.policy import LINE_TOKENS, Choice, answer_s, route

OPTIONS = BackendOptions(cells=256, sequences=4, threads=2)
BUDGET_S = 1.5
SINGLE_S = {"fast": 0.025, "strong": 0.065}
FAST = Choice(Path("fast.gguf"), "small", "fast", "")
STRONG = Choice(Path("strong.gguf"), "large", "strong", "")


class Timed:
    """A backend whose batches take simulated time."""

    def __init__(self, inner: Backend, world: "World", single_s: float) -> None:
        self._inner, self._world, self._single_s = inner, world, single_s
        self.threads = OPTIONS.threads
        self.fail_next = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def use_threads(self, count: int) -> None:
        self.threads = count

    def decode(self, batch: list[Slot]) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise DecodeFailed(1)
        self._inner.decode(batch)
        size = 1 + 0.25 * (len(batch) - 1)
        self._world.compute(self._single_s * size * self._world.slowness(self.threads))


class World:
    """Two models on a machine with two cores. Other programs use `taken` of the cores."""

    def __init__(self, tiny: Path, rates: RatesFile) -> None:
        self.now, self.taken, self.own = 0.0, 0, 0.0
        self._busy = 0.0
        self.machine = Machine(2, LoadMeter(0, lambda: Reading(self._busy, self.own), lambda: self.now), self.clock)
        self.models = {}
        for tier, single_s in SINGLE_S.items():
            backend, why = open_backend(tiny, OPTIONS, "llama_cpp", lambda _: None)
            timed: Any = Timed(backend, self, single_s)
            self.models[tier] = LoadedModel(ModelRef(f"{tier}.gguf"), timed, why, 0.0, self.machine)
        self.calibration = Calibration(self.machine, rates, lambda _: None, lambda: 1e9 + self.now)

    def clock(self) -> float:
        return self.now

    def slowness(self, threads: int) -> float:
        """Return the slowdown of a batch. If one core is taken, two threads are slower than one, because they wait."""
        if self.taken == 0:
            return 1.0 if threads == 2 else 1.6
        if self.taken == 1:
            return 3.0 if threads == 2 else 1.6
        return 5.0 if threads == 2 else 6.0

    def compute(self, seconds: float) -> None:
        self.own += seconds
        self._busy += seconds
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self._busy += seconds * self.taken

    def idle(self, seconds: float) -> None:
        """Let time pass without requests, so that the engine can measure."""
        until = self.now + seconds
        while (due := self.calibration.due_s(self.models.values(), self.now)) is not None and self.now + due < until:
            self.pass_time(due + 0.001)
            self.calibration.step(self.models.values(), self.clock)
        self.pass_time(max(0.0, until - self.now))

    def suggest(self) -> str | None:
        """Let `auto` choose a model, let this model generate a line, and return its tier."""
        request = [Estimate(ModelRef(f"{tier}.gguf"), (Segment("x"),)) for tier in self.models]
        found = [model.estimate(each) for model, each in zip(self.models.values(), request, strict=True)]
        choice = route(FAST, STRONG, answer_s(found[0]), answer_s(found[1]), BUDGET_S)
        model = self.models[choice.tier or "fast"]
        token = model.backend.vocabulary.tokenize("a")[0]
        for position in range(LINE_TOKENS):
            threads = self.machine.threads_for(prompt=False)
            model.backend.use_threads(threads)
            started = self.now
            model.backend.decode([Slot(token, position, 0, logits=True)])
            model.note_speed(1, 1, self.now - started, threads)
        model.backend.remove(0, 0, -1)
        model.used = self.now
        return choice.tier


@pytest.fixture
def world(tiny_model: Path, tmp_path: Path) -> Iterator[World]:
    class NothingStored(RatesFile):
        """Stores nothing, because the models of this test have no files."""

        def put(self, model: ModelRef, backend: Backend, rates: Rates) -> None:
            pass

    found = World(tiny_model, NothingStored(tmp_path / "rates.json"))
    yield found
    for model in found.models.values():
        model.close()


def test_auto_uses_the_fast_model_only_while_the_machine_is_busy(world: World) -> None:
    world.idle(20.0)
    assert [world.suggest() for _ in range(3)] == ["strong"] * 3
    world.taken = 2
    during = [world.suggest() for _ in range(20)]
    assert during[2:] == ["fast"] * 18
    world.taken = 0
    after = [world.suggest() for _ in range(5)]
    assert after[2:] == ["strong"] * 3, "a wrong choice must be corrected within two suggestions"


def test_ten_idle_seconds_correct_the_choice_before_the_next_suggestion(world: World) -> None:
    world.idle(20.0)
    world.taken = 2
    assert [world.suggest() for _ in range(10)][-1] == "fast"
    world.idle(300.0)
    world.taken = 0
    world.idle(10.0)
    assert world.suggest() == "strong"


def test_probe_corrects_the_slowdown_after_the_other_core_becomes_free(world: World) -> None:
    world.idle(20.0)
    world.taken = 1
    [world.suggest() for _ in range(10)]
    assert world.machine.slowdown.value > 1.25
    world.taken = 0
    world.idle(10.0)
    assert world.machine.slowdown.value < 1.25


def test_strong_model_is_chosen_while_one_of_two_cores_is_free(world: World) -> None:
    world.idle(20.0)
    world.taken = 1
    during = [world.suggest() for _ in range(20)]
    assert during[3:] == ["strong"] * 17


def test_models_measured_on_a_busy_machine_are_measured_again_when_it_is_idle(world: World) -> None:
    world.taken = 2
    world.idle(120.0)
    measured = [model.rates for model in world.models.values()]
    assert all(rates is not None and rates.loaded for rates in measured)
    assert world.suggest() == "fast"
    world.taken = 0
    world.idle(60.0)
    assert all(model.rates is not None and not model.rates.loaded for model in world.models.values())
    assert world.suggest() == "strong"


def test_stored_measurements_are_not_repeated_while_the_machine_is_busy(world: World) -> None:
    world.idle(20.0)
    world.suggest()
    world.taken = 2
    [world.suggest() for _ in range(5)]
    before = world.own
    world.idle(600.0)
    assert world.own == before


def test_probes_become_rarer_on_a_machine_that_stays_slow(world: World) -> None:
    world.idle(20.0)
    world.machine.slowdown.value = 3.0
    world.slowness = lambda threads: 3.0  # type: ignore[method-assign]
    world.suggest()
    before = world.own
    world.idle(600.0)
    assert world.own - before < 30.0


def test_measurement_in_a_full_context_empties_idle_sessions(world: World) -> None:
    model = world.models["fast"]
    timed: Any = model.backend
    session = model.sessions.open(model.prompt((Segment("x = 1\n"),)).tokens, 8) or pytest.fail("no session")
    session.tokens.append(1)
    model.sessions.close(session)
    timed.fail_next = 1
    world.idle(20.0)
    assert model.rates is not None
    assert session.tokens == []


def test_model_is_measured_after_a_cancelled_request(world: World) -> None:
    model = world.models["fast"]
    model.backend.interrupt()
    world.idle(20.0)
    assert model.rates is not None
    assert world.calibration.due_s(world.models.values(), world.now) is None


def test_request_interrupts_a_running_measurement(world: World) -> None:
    model = world.models["fast"]
    timed: Any = model.backend
    real, ended = timed._inner.decode, []

    def decode(batch: list[Slot]) -> None:
        world.calibration.interrupt()
        try:
            real(batch)
        except DecodeAborted:
            ended.append(len(batch))
            raise

    timed._inner = Overridden(timed._inner, decode)
    world.pass_time(10.0)
    world.calibration.step(world.models.values(), world.clock)
    assert ended == [32]
    timed._inner = timed._inner.inner
    world.idle(30.0)
    assert model.rates is not None


class Overridden:
    """A backend whose `decode` is replaced."""

    def __init__(self, inner: Backend, decode: Any) -> None:
        self.inner, self.decode = inner, decode

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
