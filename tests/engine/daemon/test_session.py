"""Plans for reusing KV cells, and their execution on the tiny model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slm_lsp.engine.backend import Backend, BackendOptions, DecodeFailed, Slot, available, open_backend
from slm_lsp.engine.daemon.plan import MIN_SHARED, Held, Plan, common_prefix, plan
from slm_lsp.engine.daemon.session import Session, Sessions

CELLS = 512
TOKENS = st.lists(st.integers(0, 5), min_size=1, max_size=40)
SUFFIX, MIDDLE = 250, 251


def held(*tokens: list[int], busy: frozenset[int] = frozenset()) -> list[Held]:
    return [Held(number, each, number, number in busy) for number, each in enumerate(tokens)]


def planned(sequences: list[Held], wanted: list[int], *, fresh: bool = False) -> Plan:
    found = plan(sequences, wanted, room=8, cells=CELLS, fresh=fresh)
    assert found is not None
    return found


class TestPlan:
    def test_longer_prompt_evaluates_only_the_new_tokens(self) -> None:
        assert planned(held([1, 2, 3], []), [1, 2, 3, 4, 5]) == Plan(0, 3, None, ())

    def test_repeated_prompt_evaluates_its_last_token(self) -> None:
        assert planned(held([1, 2, 3], []), [1, 2, 3]).reused == 2

    def test_fresh_prompt_reuses_nothing(self) -> None:
        assert planned(held([1, 2, 3], []), [1, 2, 3], fresh=True).reused == 0

    def test_different_document_uses_another_sequence(self) -> None:
        found = planned(held(list(range(50)), []), list(range(100, 150)))
        assert (found.sequence, found.reused) == (1, 0)

    def test_common_beginning_is_copied(self) -> None:
        head = list(range(MIN_SHARED))
        found = planned(held([*head, *range(100, 150)], []), [*head, *range(200, 250)])
        assert (found.sequence, found.copy_from, found.reused) == (1, 0, MIN_SHARED)

    def test_least_recently_used_sequence_is_replaced(self) -> None:
        sequences = [Held(0, [1] * 200, used=5), Held(1, [2] * 200, used=3)]
        found = planned(sequences, [3] * 50)
        assert (found.sequence, found.emptied) == (1, ())

    def test_other_sequences_are_emptied_to_make_room(self) -> None:
        found = planned(held([1] * 200, [2] * 200, []), [3] * 250)
        assert found.sequence == 2
        assert found.emptied == (0,)

    def test_plan_is_none_while_all_sequences_are_busy(self) -> None:
        assert plan(held([1], busy=frozenset([0])), [1, 2], room=8, cells=CELLS) is None

    def test_plan_is_none_while_busy_sequences_hold_too_many_cells(self) -> None:
        assert plan(held([1] * 450, [], busy=frozenset([0])), [2] * 60, room=8, cells=CELLS) is None

    def test_cells_reserved_by_a_busy_sequence_are_not_used(self) -> None:
        sequences = [Held(0, [1] * 10, 1, busy=True, reserved=400), Held(1, [], 0)]
        assert plan(sequences, [2] * 150, room=8, cells=CELLS) is None
        assert plan(sequences, [2] * 90, room=8, cells=CELLS) is not None

    def test_with_alone_the_most_similar_idle_sequence_is_continued_and_others_are_emptied(self) -> None:
        head = list(range(MIN_SHARED))
        sequences = held([*head, *range(100, 150)], [1] * 40, [])
        found = plan(sequences, [*head, *range(200, 250)], 8, CELLS, alone=True)
        assert found == Plan(0, MIN_SHARED, None, (1,))

    def test_with_alone_the_beginning_of_a_busy_sequence_is_copied(self) -> None:
        head = list(range(MIN_SHARED))
        sequences = held([*head, *range(100, 150)], [1] * 40, [], busy=frozenset([0]))
        found = plan(sequences, [*head, *range(200, 250)], 8, CELLS, alone=True)
        assert found == Plan(2, MIN_SHARED, 0, (1,))

    @given(
        st.lists(TOKENS, min_size=1, max_size=5), TOKENS, st.integers(0, 40), st.sets(st.integers(0, 4)), st.booleans()
    )
    def test_plan_reuses_only_held_tokens_and_fits_in_the_cells(
        self, sequences: list[list[int]], wanted: list[int], room: int, busy: set[int], alone: bool
    ) -> None:
        everything = held(*sequences, busy=frozenset(busy))
        found = plan(everything, wanted, room, cells=120, alone=alone)
        if found is None:
            free = [each for each in everything if not each.busy]
            assert not free or sum(len(each.tokens) for each in everything if each.busy) + len(wanted) + room > 120
            return
        assert not everything[found.sequence].busy
        assert found.reused < len(wanted)
        source = found.sequence if found.copy_from is None else found.copy_from
        assert common_prefix(everything[source].tokens, wanted) >= found.reused
        assert not any(everything[number].busy for number in found.emptied)
        emptied = (*found.emptied, found.sequence)
        rest = sum(len(each.tokens) for each in everything if each.sequence not in emptied)
        assert rest + len(wanted) + room <= 120
        if alone:
            assert {each.sequence for each in everything if each.tokens and not each.busy} <= {*emptied, source}


@pytest.fixture(scope="module", params=sorted(available()))
def backend(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Backend]:
    found, _ = open_backend(tiny_model, BackendOptions(2 * CELLS, 6, 1), request.param, lambda _: None)
    yield found
    found.close()


ALONE = 4
"""Number of a sequence that `Sessions` does not use. The tests evaluate prompts in it without reused cells."""


class Fewer:
    """A backend that reports fewer cells and sequences than it has.

    For comparison, the tests evaluate prompts without reused cells in the sequences that it does not report.
    """

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.options = replace(inner.options, cells=CELLS, sequences=inner.options.sequences - 2)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def fresh_sessions(backend: Backend) -> Sessions:
    for number in range(backend.options.sequences):
        backend.remove(number, 0, -1)
    return Sessions(Fewer(backend))  # type: ignore[arg-type]


def evaluate(backend: Backend, sequence: int, start: int, tokens: list[int]) -> np.ndarray:
    """Evaluate tokens as the scheduler does: halve a batch that does not fit, as ik needs adjacent cells for it."""
    size = backend.options.batch
    at = 0
    while at < len(tokens):
        part = tokens[at : at + size]
        try:
            backend.decode([Slot(t, start + at + i, sequence, i == len(part) - 1) for i, t in enumerate(part)])
        except DecodeFailed:
            backend.remove(sequence, start + at, -1)
            assert size > 1, "a single token did not fit"
            size //= 2
            continue
        at += len(part)
    return backend.logits(len(part) - 1).copy()


def execute(
    backend: Backend, sessions: Sessions, wanted: list[int], *, fresh: bool = False
) -> tuple[Session, np.ndarray]:
    """Evaluate a prompt as the scheduler does, without splitting it into batches."""
    session = sessions.open(wanted, room=8, fresh=fresh)
    assert session is not None
    at = len(session.tokens)
    assert session.tokens == wanted[:at]
    assert not (fresh and at)
    logits = evaluate(backend, session.sequence, at, wanted[at:])
    session.tokens += wanted[at:]
    sessions.close(session)
    return session, logits


def alone(backend: Backend, wanted: list[int]) -> np.ndarray:
    """Return the logits of a prompt that is evaluated without reused cells."""
    backend.remove(ALONE, 0, -1)
    logits = evaluate(backend, ALONE, 0, wanted)
    backend.remove(ALONE, 0, -1)
    return logits


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether logits are equal, except for rounding and the order of sums (at most 0.08 in 900 trials).

    Logits of different prompts differ by several units.
    """
    return bool(np.abs(one - other).max() < 0.25)


BYTES = st.integers(0, 249)


@settings(max_examples=30, deadline=None)
@given(prompts=st.lists(st.lists(BYTES, min_size=1, max_size=60), min_size=1, max_size=8), data=st.data())
def test_reused_prefixes_give_the_logits_of_a_fresh_evaluation(
    backend: Backend, prompts: list[list[int]], data: st.DataObject
) -> None:
    """The prompts grow, shrink, branch off and alternate between documents."""
    sessions = fresh_sessions(backend)
    for tokens in prompts:
        kept = prompts[0][: data.draw(st.integers(0, len(prompts[0])))]
        wanted = [*kept, *tokens][:64]
        _, logits = execute(backend, sessions, wanted)
        assert same(logits, alone(backend, wanted))


@settings(max_examples=30, deadline=None)
@example(
    document=np.random.default_rng(0).integers(0, 249, 140).tolist(),
    script=[*(("move", at, 0) for at in (0.0, 0.5, 0.0, 0.25, 0.0, 1.0)), ("insert", 0.0, 0)],
)
@given(
    document=st.integers(0, 1000).map(lambda seed: np.random.default_rng(seed).integers(0, 249, 140).tolist()),
    script=st.lists(
        st.tuples(st.sampled_from(["move", "insert", "delete", "type"]), st.floats(0, 1), BYTES), max_size=8
    ),
)
def test_any_script_of_edits_and_moves_gives_the_logits_of_a_fresh_evaluation(
    backend: Backend, document: list[int], script: list[tuple[str, float, int]]
) -> None:
    """The prompts are fill-in-the-middle prompts. The document is edited and the cursor moves."""
    sessions = fresh_sessions(backend)
    cursor, middle = 60, []
    for kind, where, token in script:
        at = int(where * (len(document) - 1))
        if kind == "type":
            middle = [*middle, token]
        else:
            document = [*document[:cursor], *middle, *document[cursor:]]
            middle = []
            if kind == "insert":
                document = [*document[:at], token, *document[at:]]
            elif kind == "delete" and len(document) > 100:
                document = [*document[:at], *document[at + 5 :]]
            cursor = min(at, len(document))
        wanted = [*document[:cursor], SUFFIX, *document[cursor:], MIDDLE, *middle]
        session, logits = execute(backend, sessions, wanted)
        assert session.tokens == wanted
        assert same(logits, alone(backend, wanted))


def test_fresh_evaluation_ignores_held_cells(backend: Backend) -> None:
    sessions = fresh_sessions(backend)
    wanted = list(range(40))
    _, first = execute(backend, sessions, wanted)
    _, again = execute(backend, sessions, wanted, fresh=True)
    assert same(first, again)


def test_forks_share_cells_and_continue_independently(backend: Backend) -> None:
    sessions = fresh_sessions(backend)
    session, _ = execute(backend, sessions, [1, 2, 3, 4, 5])
    session.busy = True
    fork = sessions.fork(session)
    assert fork is not None
    one = evaluate(backend, session.sequence, 5, [6])
    other = evaluate(backend, fork.sequence, 5, [7])
    assert same(one, alone(backend, [1, 2, 3, 4, 5, 6]))
    assert same(other, alone(backend, [1, 2, 3, 4, 5, 7]))
