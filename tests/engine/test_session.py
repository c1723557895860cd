"""The plan from what the cells hold to what is wanted, and its execution on the tiny model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.engine.backend import Backend, BackendOptions, Slot, available, open_backend
from slm_lsp.engine.session import MIN_SHARED, Held, Sessions, common_prefix, plan

CELLS = 256
TOKENS = st.lists(st.integers(0, 5), min_size=1, max_size=40)


def held(*tokens: list[int], busy: frozenset[int] = frozenset()) -> list[Held]:
    return [Held(number, each, number, number in busy) for number, each in enumerate(tokens)]


def test_typing_on_evaluates_only_what_is_new() -> None:
    found = plan(held([1, 2, 3], []), [1, 2, 3, 4, 5], room=8, cells=CELLS)
    assert found is not None
    assert (found.sequence, found.reused, found.copy_from) == (0, 3, None)


def test_the_same_prompt_again_evaluates_its_last_token_for_the_logits() -> None:
    found = plan(held([1, 2, 3], []), [1, 2, 3], room=8, cells=CELLS)
    assert found is not None
    assert found.reused == 2


def test_another_document_leaves_the_first_one_alone() -> None:
    found = plan(held(list(range(50)), []), list(range(100, 150)), room=8, cells=CELLS)
    assert found is not None
    assert (found.sequence, found.reused) == (1, 0)


def test_a_common_beginning_is_shared() -> None:
    head = list(range(MIN_SHARED))
    found = plan(held([*head, *range(100, 150)], []), [*head, *range(200, 250)], room=8, cells=CELLS)
    assert found is not None
    assert (found.sequence, found.copy_from, found.reused) == (1, 0, MIN_SHARED)


def test_the_least_recently_used_document_makes_way() -> None:
    sequences = [Held(0, [1] * 100, used=5, busy=False), Held(1, [2] * 100, used=3, busy=False)]
    found = plan(sequences, [3] * 50, room=10, cells=CELLS)
    assert found is not None
    assert (found.sequence, found.emptied) == (1, ())


def test_room_is_made_by_emptying_others() -> None:
    found = plan(held([1] * 100, [2] * 100, []), [3] * 100, room=50, cells=CELLS)
    assert found is not None
    assert found.sequence == 2
    assert found.emptied == (0,)


def test_nothing_is_planned_while_all_are_busy() -> None:
    assert plan(held([1], busy=frozenset([0])), [1, 2], room=8, cells=CELLS) is None


def test_nothing_is_planned_while_busy_ones_hold_the_cells() -> None:
    assert plan(held([1] * 200, [], busy=frozenset([0])), [2] * 60, room=8, cells=CELLS) is None


@given(st.lists(TOKENS, min_size=1, max_size=5), TOKENS, st.integers(0, 40), st.sets(st.integers(0, 4)))
def test_a_plan_never_promises_what_is_not_there(
    sequences: list[list[int]], wanted: list[int], room: int, busy: set[int]
) -> None:
    everything = held(*sequences, busy=frozenset(busy))
    found = plan(everything, wanted, room, cells=120)
    if found is None:
        free = [each for each in everything if not each.busy]
        assert not free or sum(len(each.tokens) for each in everything if each.busy) + len(wanted) + room > 120
        return
    assert not everything[found.sequence].busy
    assert found.reused < len(wanted)
    source = found.sequence if found.copy_from is None else found.copy_from
    assert common_prefix(everything[source].tokens, wanted) >= found.reused
    assert not any(everything[number].busy for number in found.emptied)
    rest = sum(len(each.tokens) for each in everything if each.sequence not in (*found.emptied, found.sequence))
    assert rest + len(wanted) + room <= 120


@pytest.fixture(scope="module", params=sorted(available()))
def backend(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Backend]:
    found, _ = open_backend(tiny_model, BackendOptions(CELLS, 4, 1), request.param, lambda _: None)
    yield found
    found.close()


def evaluate(backend: Backend, sequence: int, start: int, tokens: list[int]) -> np.ndarray:
    backend.decode([Slot(t, start + i, sequence, i == len(tokens) - 1) for i, t in enumerate(tokens)])
    return backend.logits(len(tokens) - 1).copy()


@settings(max_examples=25, deadline=None)
@given(prompts=st.lists(st.lists(st.integers(0, 250), min_size=1, max_size=60), min_size=1, max_size=8), data=st.data())
def test_reused_cells_give_the_logits_of_a_fresh_evaluation(
    backend: Backend, prompts: list[list[int]], data: st.DataObject
) -> None:
    """Exact up to the order of sums: prompts that grow, shrink, branch off and alternate between documents."""
    for number in range(4):
        backend.remove(number, 0, -1)
    sessions = Sessions(backend)
    for fresh in prompts:
        wanted = fresh
        if data.draw(st.booleans()) and prompts[0] is not fresh:
            wanted = prompts[0][: data.draw(st.integers(0, len(prompts[0])))] + fresh
        wanted = wanted[:64]
        session = sessions.open(wanted, room=8)
        assert session is not None
        start = len(session.tokens)
        assert session.tokens == wanted[:start]
        logits = evaluate(backend, session.sequence, start, wanted[start:])
        session.tokens += wanted[start:]
        sessions.close(session)
        again = evaluate_alone(backend, sessions, wanted)
        assert np.abs(logits - again).max() < 1e-3
        assert logits.argmax() == again.argmax()


def evaluate_alone(backend: Backend, sessions: Sessions, wanted: list[int]) -> np.ndarray:
    """The same prompt evaluated afresh, in a sequence emptied for it."""
    spare = sessions._sessions[3]
    sessions.cut(spare, 0)
    logits = evaluate(backend, 3, 0, wanted)
    sessions.cut(spare, 0)
    return logits
