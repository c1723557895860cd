"""The plan from what the cells hold to what is wanted, and its execution on the tiny model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slm_lsp.engine.api import Reuse
from slm_lsp.engine.backend import Backend, BackendOptions, DecodeFailed, Slot, available, open_backend
from slm_lsp.engine.daemon.plan import MIN_SHARED, MIN_SPLICED, Held, Plan, align, common_prefix, plan
from slm_lsp.engine.daemon.prompt import Prompt
from slm_lsp.engine.daemon.session import Session, Sessions

CELLS = 512
TOKENS = st.lists(st.integers(0, 5), min_size=1, max_size=40)
SUFFIX, MIDDLE = 250, 251


def held(*tokens: list[int], busy: frozenset[int] = frozenset()) -> list[Held]:
    return [Held(number, each, number, number in busy) for number, each in enumerate(tokens)]


def plain(tokens: list[int]) -> Prompt:
    return Prompt(tuple(tokens))


def fim(prefix: Sequence[int], suffix: Sequence[int], middle: Sequence[int] = ()) -> Prompt:
    tokens = (*prefix, SUFFIX, *suffix, MIDDLE, *middle)
    return Prompt(tokens, len(prefix), len(prefix) + 1 + len(suffix))


def holding(prompt: Prompt, **changes: object) -> Held:
    found = Held(0, prompt.tokens, 1, suffix_at=prompt.suffix_at, middle_at=prompt.middle_at)
    return replace(found, **changes)  # type: ignore[arg-type]


def planned(sequences: list[Held], wanted: Prompt, reuse: Reuse = "all", seam: int = 1) -> Plan:
    found = plan(sequences, wanted, room=8, cells=CELLS, reuse=reuse, seam=seam)
    assert found is not None
    return found


class TestPrefix:
    """Prompts that begin alike."""

    def test_typing_on_evaluates_only_what_is_new(self) -> None:
        assert planned(held([1, 2, 3], []), plain([1, 2, 3, 4, 5])) == Plan(0, 3, None, ())

    def test_the_same_prompt_again_evaluates_its_last_token_for_the_logits(self) -> None:
        assert planned(held([1, 2, 3], []), plain([1, 2, 3])).reused == 2

    def test_another_document_leaves_the_first_one_alone(self) -> None:
        found = planned(held(list(range(50)), []), plain(list(range(100, 150))))
        assert (found.sequence, found.reused) == (1, 0)

    def test_a_common_beginning_is_shared(self) -> None:
        head = list(range(MIN_SHARED))
        found = planned(held([*head, *range(100, 150)], []), plain([*head, *range(200, 250)]))
        assert (found.sequence, found.copy_from, found.reused) == (1, 0, MIN_SHARED)

    def test_the_least_recently_used_document_makes_way(self) -> None:
        sequences = [Held(0, [1] * 200, used=5), Held(1, [2] * 200, used=3)]
        found = planned(sequences, plain([3] * 50))
        assert (found.sequence, found.emptied) == (1, ())

    def test_room_is_made_by_emptying_others(self) -> None:
        found = planned(held([1] * 200, [2] * 200, []), plain([3] * 250))
        assert found.sequence == 2
        assert found.emptied == (0,)

    def test_nothing_is_planned_while_all_are_busy(self) -> None:
        assert plan(held([1], busy=frozenset([0])), plain([1, 2]), room=8, cells=CELLS) is None

    def test_nothing_is_planned_while_busy_ones_hold_the_cells(self) -> None:
        assert plan(held([1] * 450, [], busy=frozenset([0])), plain([2] * 60), room=8, cells=CELLS) is None

    def test_cells_that_a_busy_one_will_need_are_not_given_away(self) -> None:
        sequences = [Held(0, [1] * 10, 1, busy=True, reserved=400), Held(1, [], 0)]
        assert plan(sequences, plain([2] * 150), room=8, cells=CELLS) is None
        assert plan(sequences, plain([2] * 90), room=8, cells=CELLS) is not None

    def test_approximate_cells_are_not_used_where_exact_ones_are_wanted(self) -> None:
        tokens = list(range(100))
        sequences = [Held(0, tokens, 1, exact=40), Held(1, [], 0)]
        assert planned(sequences, plain([*tokens, 7])).reused == 100
        exact = planned(sequences, plain([*tokens, 7]), "exact")
        assert (exact.sequence, exact.copy_from, exact.reused) == (1, 0, 40)
        assert planned(sequences, plain([*tokens, 7]), "nothing").reused == 0

    def test_alone_the_nearest_idle_document_is_taken_over_and_the_others_are_emptied(self) -> None:
        head = list(range(MIN_SHARED))
        sequences = held([*head, *range(100, 150)], [1] * 40, [])
        found = plan(sequences, plain([*head, *range(200, 250)]), 8, CELLS, alone=True)
        assert found == Plan(0, MIN_SHARED, None, (1,))

    def test_alone_a_busy_document_stays_and_its_beginning_is_shared(self) -> None:
        head = list(range(MIN_SHARED))
        sequences = held([*head, *range(100, 150)], [1] * 40, [], busy=frozenset([0]))
        found = plan(sequences, plain([*head, *range(200, 250)]), 8, CELLS, alone=True)
        assert found == Plan(2, MIN_SHARED, 0, (1,))

    @given(
        st.lists(TOKENS, min_size=1, max_size=5), TOKENS, st.integers(0, 40), st.sets(st.integers(0, 4)), st.booleans()
    )
    def test_a_plan_never_promises_what_is_not_there(
        self, sequences: list[list[int]], wanted: list[int], room: int, busy: set[int], alone: bool
    ) -> None:
        everything = held(*sequences, busy=frozenset(busy))
        found = plan(everything, plain(wanted), room, cells=120, alone=alone)
        if found is None:
            free = [each for each in everything if not each.busy]
            assert not free or sum(len(each.tokens) for each in everything if each.busy) + len(wanted) + room > 120
            return
        assert not everything[found.sequence].busy
        assert found.reused < len(wanted)
        source = found.sequence if found.copy_from is None else found.copy_from
        assert common_prefix(everything[source].tokens, wanted) >= found.reused
        assert not any(everything[number].busy for number in found.emptied)
        gone = (*found.emptied, found.sequence)
        rest = sum(len(each.tokens) for each in everything if each.sequence not in gone)
        assert rest + len(wanted) + room <= 120
        if alone:
            assert {each.sequence for each in everything if each.tokens and not each.busy} <= {*gone, source}


class TestSplice:
    """The suffix stays while the prefix changes."""

    SUFFIX = tuple(range(100, 200))
    PREFIX = tuple(range(60))

    def test_an_edit_before_the_anchor_keeps_the_suffix(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX))
        found = planned([before], fim([*self.PREFIX[:50], 7, 8, 9], self.SUFFIX))
        assert found.splice is not None
        assert found.reused == 50
        assert found.evaluated(3 + 50 + 102) == 3 + 1 + 1 + 1

    def test_moving_down_keeps_what_stays_behind_the_cursor(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX))
        found = planned([before], fim([*self.PREFIX, *self.SUFFIX[:20]], self.SUFFIX[20:]))
        assert found.splice is not None
        assert (found.reused, found.splice.lead_end) == (60, 60 + 20 + 1 + 1)
        assert found.splice.kept_to == 61 + 100

    def test_moving_up_keeps_the_old_suffix(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX))
        found = planned([before], fim(self.PREFIX[:40], [*self.PREFIX[40:], *self.SUFFIX[:90]]))
        assert found.splice is not None
        assert found.reused == 40
        assert found.splice.kept_to - found.splice.kept_from == 90

    def test_a_larger_seam_evaluates_more_of_the_suffix(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX))
        wanted = fim([*self.PREFIX[:50], 7], self.SUFFIX)
        small, large = (planned([before], wanted, seam=seam) for seam in (1, 30))
        assert large.evaluated(154) == small.evaluated(154) + 29

    def test_typing_behind_the_middle_is_no_splice(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX, [1, 2]))
        assert planned([before], fim(self.PREFIX, self.SUFFIX, [1, 2, 3])) == Plan(0, 164, None, ())

    def test_another_suffix_is_no_splice(self) -> None:
        before = holding(fim(self.PREFIX, self.SUFFIX))
        assert planned([before, Held(1, [], 0)], fim([1, 2], list(range(300, 400)))).splice is None

    def test_only_where_approximation_is_allowed_and_cells_have_one_owner(self) -> None:
        wanted = fim([*self.PREFIX[:50], 7], self.SUFFIX)
        before = holding(fim(self.PREFIX, self.SUFFIX))
        assert planned([before], wanted, "exact").splice is None
        assert planned([replace(before, shared=150)], wanted).splice is None
        found = plan([before], wanted, 8, CELLS, scratch=False)
        assert found is not None
        assert found.splice is None

    @given(st.lists(st.integers(0, 3), max_size=120), st.lists(st.integers(0, 3), max_size=120))
    def test_aligned_runs_are_the_same_tokens(self, old: list[int], new: list[int]) -> None:
        found = align(old, new)
        if found is not None:
            first, second, length = found
            assert length >= MIN_SPLICED
            assert old[first : first + length] == new[second : second + length]
            assert len(new[second : second + length]) == length


@pytest.fixture(scope="module", params=sorted(available()))
def backend(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Backend]:
    found, _ = open_backend(tiny_model, BackendOptions(2 * CELLS, 6, 1), request.param, lambda _: None)
    yield found
    found.close()


ALONE = 4
"""A sequence that `Sessions` is not given, for evaluating afresh."""


class Fewer:
    """The backend with fewer cells and sequences than it has: the rest is for evaluating afresh."""

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
    """As the scheduler has it: a batch for which no cells lie side by side, as ik wants them, is tried in halves."""
    size = backend.options.batch
    at = 0
    while at < len(tokens):
        part = tokens[at : at + size]
        try:
            backend.decode([Slot(t, start + at + i, sequence, i == len(part) - 1) for i, t in enumerate(part)])
        except DecodeFailed:
            backend.remove(sequence, start + at, -1)
            assert size > 1, "there was no place for a single token"
            size //= 2
            continue
        at += len(part)
    return backend.logits(len(part) - 1).copy()


def execute(
    backend: Backend, sessions: Sessions, wanted: Prompt, reuse: Reuse = "all", seam: int = 1
) -> tuple[Session, np.ndarray]:
    """What the scheduler does, without its batches."""
    opened = sessions.open(wanted, room=8, reuse=reuse, seam=seam)
    assert opened is not None
    session, found, lead = opened
    if lead is not None:
        evaluate(backend, lead.sequence, lead.start, list(lead.tokens))
        sessions.splice(session, found, wanted)
    at = len(session.tokens)
    assert tuple(session.tokens) == wanted.tokens[:at]
    logits = evaluate(backend, session.sequence, at, list(wanted.tokens[at:]))
    session.tokens += wanted.tokens[at:]
    sessions.close(session)
    return session, logits


def alone(backend: Backend, wanted: Prompt) -> np.ndarray:
    """The same prompt evaluated afresh."""
    backend.remove(ALONE, 0, -1)
    logits = evaluate(backend, ALONE, 0, list(wanted.tokens))
    backend.remove(ALONE, 0, -1)
    return logits


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for f16 cells and the order of sums (0.08 in 900 trials); other prompts differ by several units."""
    return bool(np.abs(one - other).max() < 0.25)


BYTES = st.integers(0, 249)


@settings(max_examples=30, deadline=None)
@given(prompts=st.lists(st.lists(BYTES, min_size=1, max_size=60), min_size=1, max_size=8), data=st.data())
def test_reused_prefixes_give_the_logits_of_a_fresh_evaluation(
    backend: Backend, prompts: list[list[int]], data: st.DataObject
) -> None:
    """Exact up to the order of sums: prompts that grow, shrink, branch off and alternate between documents."""
    sessions = fresh_sessions(backend)
    for tokens in prompts:
        kept = prompts[0][: data.draw(st.integers(0, len(prompts[0])))]
        wanted = plain([*kept, *tokens][:64])
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
def test_any_script_of_edits_and_moves_leaves_the_wanted_tokens_in_the_cells(
    backend: Backend, document: list[int], script: list[tuple[str, float, int]]
) -> None:
    """Whatever way was taken, an exact request afterwards answers as if all had been evaluated afresh."""
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
        wanted = fim(document[:cursor], document[cursor:], middle)
        session, _ = execute(backend, sessions, wanted)
        assert tuple(session.tokens) == wanted.tokens
        assert (session.suffix_at, session.middle_at) == (wanted.suffix_at, wanted.middle_at)
        _, exact = execute(backend, sessions, wanted, "exact")
        assert same(exact, alone(backend, wanted))


def test_a_splice_with_a_long_seam_comes_near_a_fresh_evaluation(backend: Backend) -> None:
    """The more of the suffix is evaluated again, the nearer; all of it but the last run is all but exact."""
    random = np.random.default_rng(1)
    prefix, suffix = random.integers(0, 249, 80).tolist(), random.integers(0, 249, 120).tolist()
    wanted = fim([*prefix[:70], 5, 6, 7], suffix)
    distances = []
    for seam in (1, 80):
        sessions = fresh_sessions(backend)
        execute(backend, sessions, fim(prefix, suffix))
        session, logits = execute(backend, sessions, wanted, seam=seam)
        assert session.exact == 73 + 1 + seam
        distances.append(float(np.abs(logits - alone(backend, wanted)).max()))
    assert distances[1] < distances[0]


def test_forks_share_the_cells_and_go_their_own_ways(backend: Backend) -> None:
    sessions = fresh_sessions(backend)
    session, _ = execute(backend, sessions, plain([1, 2, 3, 4, 5]))
    session.busy = True
    fork = sessions.fork(session)
    assert fork is not None
    one = evaluate(backend, session.sequence, 5, [6])
    other = evaluate(backend, fork.sequence, 5, [7])
    assert same(one, alone(backend, plain([1, 2, 3, 4, 5, 6])))
    assert same(other, alone(backend, plain([1, 2, 3, 4, 5, 7])))


def test_a_splice_given_up_half_way_leaves_the_session_as_it_was(backend: Backend) -> None:
    sessions = fresh_sessions(backend)
    document = list(range(200))
    before = fim(document[:80], document[80:])
    execute(backend, sessions, before)
    opened = sessions.open(fim([*document[:60], 9], document[80:]), 8)
    assert opened is not None
    session, _, lead = opened
    assert lead is not None
    evaluate(backend, lead.sequence, lead.start, list(lead.tokens[:5]))
    sessions.release_scratch()
    sessions.close(session)
    longer = fim(document[:80], document[80:], [3, 4])
    after, logits = execute(backend, sessions, longer)
    assert after is session
    assert same(logits, alone(backend, longer))
