"""The scheduler on the tiny model: priorities, cancellation, shared batches, errors."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.engine.api import (
    FINAL,
    Adapter,
    Describe,
    Described,
    Done,
    Event,
    Failed,
    Generate,
    Loading,
    ModelRef,
    Priority,
    Sampling,
    Segment,
    Started,
    Stop,
    Token,
    Warm,
)
from slm_lsp.engine.backend import Backend, BackendOptions, DecodeFailed, Slot, available, open_backend
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.daemon.job import Job
from slm_lsp.engine.daemon.models import Models
from slm_lsp.engine.daemon.scheduler import Scheduler
from slm_lsp.engine.paths import busy_path

OPTIONS = BackendOptions(cells=1024, sequences=4, threads=1)
PROMPT = "def area(width, height):\n    return"


class Watched:
    """A real backend whose batches a test can block and count."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self.batches: list[list[Slot]] = []
        self.interrupts = 0
        self.fail_next = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decode(self, batch: list[Slot]) -> None:
        self.waiting.set()
        assert self.gate.wait(20)
        self.waiting.clear()
        self.batches.append(list(batch))
        if self.fail_next > 0:
            self.fail_next -= 1
            raise DecodeFailed(1)
        self._inner.decode(batch)

    def interrupt(self) -> None:
        self.interrupts += 1
        self._inner.interrupt()


class Bench:
    """A running scheduler and its answers."""

    def __init__(self, tiny: Path, folder: Path, binding: str, idle_s: float = 1000) -> None:
        self.tiny = tiny
        self.opened: list[Watched] = []

        def open_model(path: Path, on_progress: Any) -> tuple[Any, str]:
            backend, why = open_backend(path, OPTIONS, binding, on_progress)  # type: ignore[arg-type]
            self.opened.append(Watched(backend))
            return self.opened[-1], why

        self.crashes = CrashRecord(folder)
        self.scheduler = Scheduler(Models(open_model, self.crashes, idle_s))
        self.unloaded = threading.Event()
        self._thread = threading.Thread(target=self.scheduler.run, args=(self.unloaded.set,))
        self._thread.start()

    @property
    def backend(self) -> Watched:
        return self.opened[-1]

    def submit(self, request: Generate | Warm | Describe) -> "Answer":
        answer = Answer()
        answer.job = Job(request, answer.events.put)
        self.scheduler.submit(answer.job)
        return answer

    def generate(self, text: str = PROMPT, tokens: int = 8, **more: Any) -> "Answer":
        return self.submit(Generate(ModelRef.of(self.tiny), (Segment(text),), tokens, **more))

    def infill(self, prefix: str, typed: str, suffix: str, tokens: int = 8, **more: Any) -> "Answer":
        return self.submit(Generate(ModelRef.of(self.tiny), infill(prefix, typed, suffix), tokens, **more))

    def close(self) -> None:
        for backend in self.opened:
            backend.gate.set()
        self.scheduler.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


def infill(prefix: str, typed: str, suffix: str) -> tuple[Segment, ...]:
    return (
        Segment("<|fim_prefix|>", special=True),
        Segment(prefix),
        Segment("<|fim_suffix|>", special=True),
        Segment(suffix),
        Segment("<|fim_middle|>", special=True),
        Segment(typed, heal=True),
    )


class Answer:
    """The events of one request."""

    job: Job

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self._seen: list[Event] = []

    def all(self) -> list[Event]:
        while not self._seen or not isinstance(self._seen[-1], FINAL):
            self._seen.append(self.events.get(timeout=20))
        return self._seen

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.all() if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.of(Token))

    @property
    def evaluated(self) -> int:
        """Number of prompt tokens that were not reused."""
        (started,) = self.of(Started)
        return int(started.prompt_tokens - started.reused_tokens)

    def texts(self) -> list[str]:
        """Return the text of each candidate."""
        found: dict[int, str] = {}
        for token in self.of(Token):
            found[token.candidate] = found.get(token.candidate, "") + token.text
        return [found[number] for number in sorted(found)]


@pytest.fixture(params=sorted(available()))
def bench(request: pytest.FixtureRequest, tiny_model: Path, tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tiny_model, tmp_path, request.param)
    yield found
    found.close()


def test_events_are_started_then_tokens_then_done(bench: Bench) -> None:
    answer = bench.generate()
    kinds = [type(event) for event in answer.all() if not isinstance(event, Loading)]
    assert kinds == [Started, *[Token] * 8, Done]
    (started,), (done,) = answer.of(Started), answer.of(Done)
    assert started.reused_tokens == 0
    assert done.generated_tokens == 8
    assert done.finish == "length"
    assert all(token.logprob <= 0 for token in answer.of(Token))


def test_repeated_request_reuses_the_prompt_and_gives_the_same_answer(bench: Bench) -> None:
    first = bench.generate()
    first.all()
    second = bench.generate()
    assert second.text == first.text
    (started,) = second.of(Started)
    assert started.reused_tokens == started.prompt_tokens - 1


def test_cells_of_generated_text_are_reused_when_the_prompt_contains_this_text(bench: Bench) -> None:
    first = bench.generate(tokens=4)
    prompt = PROMPT + first.text
    (started,) = bench.generate(prompt).of(Started)
    (before,) = first.of(Started)
    assert started.reused_tokens >= before.prompt_tokens


def test_requests_of_the_same_priority_share_batches(bench: Bench) -> None:
    bench.generate().all()
    bench.backend.gate.clear()
    both = [bench.generate("x = 1\n"), bench.generate("class Shop:\n")]
    bench.backend.waiting.wait(20)
    bench.backend.batches.clear()
    bench.backend.gate.set()
    texts = [answer.text for answer in both]
    assert any(len({slot.sequence for slot in batch}) == 2 for batch in bench.backend.batches)
    assert texts == [bench.generate("x = 1\n").text, bench.generate("class Shop:\n").text]


def test_request_interrupted_by_a_more_urgent_one_gets_the_same_answer(bench: Bench) -> None:
    alone = bench.generate("import os\n" * 20, tokens=12).text
    bench.generate("something else entirely").all()
    bench.backend.gate.clear()
    bulk = bench.generate("import os\n" * 20 + " ", tokens=12, priority=Priority.BULK)
    assert bench.backend.waiting.wait(20)
    urgent = bench.generate("y = 2\n")
    bench.backend.gate.set()
    urgent.all()
    assert bench.backend.interrupts == 1
    assert isinstance(urgent.all()[-1], Done)
    assert isinstance(bulk.all()[-1], Done)
    assert bench.generate("import os\n" * 20, tokens=12).text == alone


def test_cancelling_a_request_does_not_affect_others(bench: Bench) -> None:
    expected = bench.generate("x = 1\n").text
    bench.backend.gate.clear()
    doomed = bench.generate("import os\n" * 10, tokens=500)
    assert bench.backend.waiting.wait(20)
    other = bench.generate("x = 1\n")
    bench.scheduler.cancel(doomed.job)
    bench.backend.gate.set()
    (failed,) = doomed.of(Failed)
    assert failed.kind == "RequestCancelledError"
    assert other.text == expected


def test_cancelling_at_any_batch_of_a_prompt_keeps_the_cells_correct(bench: Bench) -> None:
    prompt = "for line in lines:\n    print(line)\n" * 6
    expected = bench.generate(prompt).text
    for batches in range(5):
        bench.generate("reset " * 40).all()
        bench.backend.batches.clear()
        bench.backend.gate.clear()
        doomed = bench.generate("other " * batches + prompt, tokens=200)
        assert bench.backend.waiting.wait(20)
        for _ in range(batches):
            bench.backend.gate.set()
            bench.backend.gate.clear()
        bench.scheduler.cancel(doomed.job)
        bench.backend.gate.set()
        assert isinstance(doomed.all()[-1], Failed)
        assert bench.generate(prompt).text == expected


def test_cancelled_queued_request_is_never_started(bench: Bench) -> None:
    bench.generate().all()
    bench.backend.gate.clear()
    running = bench.generate("z", tokens=4)
    assert bench.backend.waiting.wait(20)
    queued = bench.generate("never", priority=Priority.WARM)
    bench.scheduler.cancel(queued.job)
    bench.backend.gate.set()
    assert isinstance(running.all()[-1], Done)
    assert queued.of(Started) == []
    assert isinstance(queued.all()[-1], Failed)


def test_requests_wait_for_free_sequences(bench: Bench) -> None:
    answers = [bench.generate(f"number {number} of many") for number in range(3 * OPTIONS.sequences)]
    assert all(isinstance(answer.all()[-1], Done) for answer in answers)


def test_prompt_longer_than_the_context_is_rejected(bench: Bench) -> None:
    (failed,) = bench.generate("x " * 2000).of(Failed)
    assert failed.kind == "PromptTooLongError"
    assert isinstance(bench.generate().all()[-1], Done)


def test_answer_ends_before_a_stop_string(bench: Bench) -> None:
    whole = bench.generate(tokens=32).text
    stop = whole[3:5]
    answer = bench.generate(tokens=32, stop=Stop((stop,)))
    assert answer.text == whole[: whole.index(stop)]
    assert answer.of(Done)[0].finish == "stop"


def test_description_contains_fim_tokens_and_context_size(bench: Bench) -> None:
    (described,) = bench.submit(Describe(ModelRef.of(bench.tiny))).of(Described)
    assert described.info.fim is not None
    assert described.info.context_tokens == OPTIONS.cells
    assert described.info.backend in available()


def test_missing_model_file_is_reported(bench: Bench) -> None:
    (failed,) = bench.submit(Generate(ModelRef("/nowhere.gguf"), (Segment("x"),), 1)).of(Failed)
    assert failed.kind == "ModelMissingError"
    assert "models pull" in failed.cure


def test_adapters_are_rejected_because_no_binding_applies_them(bench: Bench) -> None:
    adapted = ModelRef(str(bench.tiny), (Adapter("/a.gguf"),))
    (failed,) = bench.submit(Generate(adapted, (Segment("x"),), 1)).of(Failed)
    assert failed.kind == "UsageError"
    assert "adapters" in failed.what


def test_model_is_refused_after_two_crashes_until_an_explicit_request_succeeds(
    tiny_model: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        CrashRecord(tmp_path).mark(ModelRef.of(tiny_model))
        CrashRecord(tmp_path).take_stock()
    bench = Bench(tiny_model, tmp_path, "llama_cpp")
    (failed,) = bench.generate().of(Failed)
    assert failed.kind == "ModelRefusedError"
    assert isinstance(bench.generate(explicit=True).all()[-1], Done)
    assert isinstance(bench.generate().all()[-1], Done)
    bench.close()


def test_model_is_recorded_only_while_in_use(bench: Bench, tmp_path: Path) -> None:
    bench.generate().all()
    bench.backend.gate.clear()
    answer = bench.generate("x", tokens=2)
    assert bench.backend.waiting.wait(20)
    assert busy_path(tmp_path).read_text() == str(bench.tiny)
    bench.backend.gate.set()
    answer.all()
    bench.close()
    assert not busy_path(tmp_path).exists()


def test_idle_model_is_unloaded_and_loaded_again_when_needed(tiny_model: Path, tmp_path: Path) -> None:
    bench = Bench(tiny_model, tmp_path, "llama_cpp", idle_s=0.05)
    expected = bench.generate().text
    assert bench.unloaded.wait(20)
    assert bench.scheduler.loaded() == ()
    assert bench.generate().text == expected
    assert len(bench.opened) == 2
    bench.close()


def test_stopping_ends_all_requests(bench: Bench) -> None:
    bench.generate().all()
    bench.backend.gate.clear()
    running, queued = bench.generate("x", tokens=500), bench.generate("y", priority=Priority.WARM)
    assert bench.backend.waiting.wait(20)
    bench.scheduler.stop()
    bench.backend.gate.set()
    for answer in (running, queued):
        (failed,) = answer.of(Failed)
        assert "stopping" in failed.what


SUFFIX = "\n".join(f"def step_{number}(): return {number}" for number in range(12))
PREFIX = "import os\n\n\ndef main():\n"


def test_typing_after_the_middle_sentinel_evaluates_few_tokens(bench: Bench) -> None:
    bench.infill(PREFIX, "    re", SUFFIX).all()
    for typed in ("    ret", "    retu", "    ret", "    return x", "    return xy"):
        answer = bench.infill(PREFIX, typed, SUFFIX)
        assert answer.evaluated <= 4
        assert answer.text == bench.infill(PREFIX, typed, SUFFIX, fresh=True).text


def test_healed_answer_continues_inside_the_word(bench: Bench) -> None:
    """Whatever the tiny model answers, the answer does not repeat the typed text."""
    whole = bench.infill(PREFIX, "", SUFFIX, tokens=12).text
    typed = whole[:3]
    again = bench.infill(PREFIX, typed, SUFFIX, tokens=12)
    assert (typed + again.text)[: len(whole) - 3] == whole[: len(whole) - 3]


def test_prompt_after_a_cursor_move_gets_the_answer_of_a_fresh_evaluation(bench: Bench) -> None:
    bench.infill(PREFIX, "x", SUFFIX).all()
    moved = bench.infill(PREFIX + "    pass\n", "", SUFFIX)
    assert moved.evaluated > 150
    assert moved.text == bench.infill(PREFIX + "    pass\n", "", SUFFIX, fresh=True).text


def test_request_for_a_warmed_prompt_evaluates_one_prompt_token(bench: Bench) -> None:
    segments = infill(PREFIX, "", SUFFIX)
    warmed = bench.submit(Warm(ModelRef.of(bench.tiny), segments))
    assert warmed.of(Token) == []
    assert isinstance(warmed.all()[-1], Done)
    assert bench.infill(PREFIX, "", SUFFIX).evaluated == 1


def test_candidates_share_batches_and_the_first_is_greedy(bench: Bench) -> None:
    alone = bench.generate(tokens=6).text
    answer = bench.generate(tokens=6, candidates=3, sampling=Sampling(temperature=1.5, seed=7))
    texts = answer.texts()
    assert len(texts) == 3
    assert texts[1:] != [alone, alone]
    (done,) = answer.of(Done)
    assert done.generated_tokens == 18
    assert any(len(batch) == 3 for batch in bench.backend.batches)
    assert bench.generate(tokens=6, candidates=3, sampling=Sampling(temperature=1.5, seed=7)).texts() == texts


def test_cancelling_a_request_cancels_all_candidates(bench: Bench) -> None:
    bench.generate().all()
    answer = bench.generate("x", tokens=300, candidates=3)
    while not isinstance(answer.events.get(timeout=20), Token):
        pass
    bench.scheduler.cancel(answer.job)
    assert isinstance(answer.all()[-1], Failed)
    assert isinstance(bench.generate().all()[-1], Done)
    assert bench.scheduler.counts() == (0, 0)


def test_number_of_candidates_is_limited_by_the_number_of_sessions(bench: Bench) -> None:
    answer = bench.generate(tokens=3, candidates=50)
    assert len(answer.texts()) == OPTIONS.sequences - 1  # one sequence is reserved for measurements


def test_drafts_reduce_batches_without_changing_the_answer(bench: Bench) -> None:
    plain = bench.generate(tokens=40)
    drafted = bench.generate(tokens=40, draft=plain.text)
    assert drafted.text == plain.text
    assert plain.of(Done)[0].batches == 39
    assert drafted.of(Done)[0].batches < 25


def test_wrong_drafts_do_not_change_the_answer(bench: Bench) -> None:
    plain = bench.generate(tokens=30)
    assert bench.generate(tokens=30, draft="none of this is generated " * 5).text == plain.text
    assert bench.generate(tokens=30, draft=plain.text[10:] + plain.text[:10]).text == plain.text


def test_request_fails_if_its_batch_cannot_be_evaluated(bench: Bench) -> None:
    expected = bench.generate().text
    bench.backend.fail_next = 20
    (failed,) = bench.generate("x" * 50).of(Failed)
    assert "could not evaluate" in failed.what
    bench.backend.fail_next = 0
    assert bench.generate().text == expected


def test_batch_that_does_not_fit_is_split(bench: Bench) -> None:
    prompt = "import os\n" * 12
    expected = bench.generate(prompt, fresh=True).text
    bench.backend.fail_next = 3
    assert bench.generate(prompt, fresh=True).text == expected


def test_long_requests_wait_for_free_cells(bench: Bench) -> None:
    answers = [bench.generate(f"{number} " + "word " * 75, tokens=100) for number in range(8)]
    assert [type(answer.all()[-1]) for answer in answers] == [Done] * 8


def test_sessions_of_many_documents_never_exceed_the_cells(bench: Bench) -> None:
    for number in range(100):
        assert isinstance(bench.generate(f"document {number} " * 15, tokens=2).all()[-1], Done)
    sessions = bench.scheduler._models._loaded[ModelRef.of(bench.tiny)].sessions
    assert sum(len(each.tokens) for each in sessions._sessions) <= OPTIONS.cells


def test_answer_matches_the_form(bench: Bench) -> None:
    assert bench.generate(tokens=32, form="(yes|no)!").text in ("yes!", "no!")


def test_invalid_form_is_rejected_without_affecting_other_requests(bench: Bench) -> None:
    (failed,) = bench.generate(form="(").of(Failed)
    assert failed.kind == "UsageError"
    (failed,) = bench.submit(Generate(ModelRef.of(bench.tiny), (Segment("a", heal=True),), 4, form="a")).of(Failed)
    assert "healed" in failed.what
    assert isinstance(bench.generate().all()[-1], Done)


def test_last_token_of_each_candidate_has_a_finish(bench: Bench) -> None:
    answer = bench.generate(tokens=3, candidates=3)
    tokens = answer.of(Token)
    for number in range(3):
        *before, last = [each for each in tokens if each.candidate == number]
        assert [each.finish for each in before] == [None] * len(before)
        assert last.finish == "length"


def test_first_candidate_is_greedy_at_any_temperature(bench: Bench) -> None:
    alone = bench.generate(tokens=6).text
    for seed in range(3):
        sampling = Sampling(temperature=5.0, min_p=0, seed=seed)
        assert bench.generate(tokens=6, candidates=2, sampling=sampling).texts()[0] == alone


def test_request_ends_although_a_candidate_ends_with_its_first_token(bench: Bench) -> None:
    sampling = Sampling(temperature=3.0, min_p=0, seed=3)
    texts = bench.generate(tokens=6, candidates=3, sampling=sampling).texts()
    first = next(text[0] for text in texts[1:] if text[0] not in texts[0])
    answer = bench.generate(tokens=6, candidates=3, sampling=sampling, stop=Stop((first,)))
    assert isinstance(answer.all()[-1], Done)
    assert "" in answer.texts()[1:]
    assert bench.scheduler.counts() == (0, 0)
    assert isinstance(bench.generate(candidates=3).all()[-1], Done)


class TestBranches:
    """Candidates branch off at unlikely tokens of the greedy answer."""

    def by_candidate(self, answer: "Answer") -> list[list[Token]]:
        tokens = answer.of(Token)
        return [[each for each in tokens if each.candidate == number] for number in range(tokens[-1].candidate + 4)]

    def test_branches_repeat_the_greedy_answer_up_to_an_unlikely_token(self, bench: Bench) -> None:
        alone = bench.generate(tokens=8)
        answer = bench.generate(tokens=8, candidates=3, branch_below=1.0)
        greedy, *others = [each for each in self.by_candidate(answer) if each]
        assert "".join(each.text for each in greedy) == alone.text
        assert [each.logprob for each in greedy] == pytest.approx([each.logprob for each in alone.of(Token)], abs=1e-3)
        assert len(others) == 2
        for place, branch in enumerate(others):
            shared = [(each.text, each.logprob) for each in branch[:place]]
            assert shared == [(each.text, each.logprob) for each in greedy[:place]]
            assert branch[place].text != greedy[place].text
            assert branch[place].logprob <= greedy[place].logprob
            assert branch[-1].finish == "length"
        (done,) = answer.of(Done)
        assert done.generated_tokens == 8 + 8 + 7
        assert done.batches == 7

    def test_branch_continues_greedily(self, bench: Bench) -> None:
        branch = self.by_candidate(bench.generate(tokens=8, candidates=2, branch_below=1.0))[1]
        alone = bench.generate(PROMPT + branch[0].text, tokens=7)
        assert "".join(each.text for each in branch) == branch[0].text + alone.text

    def test_answer_with_likely_tokens_has_no_branches(self, bench: Bench) -> None:
        answer = bench.generate(tokens=8, candidates=3, branch_below=1e-9)
        assert {each.candidate for each in answer.of(Token)} == {0}
        assert all(len(batch) == 1 for batch in bench.backend.batches[-7:])

    def test_branches_are_cancelled_with_the_request(self, bench: Bench) -> None:
        bench.generate().all()
        answer = bench.generate("x", tokens=300, candidates=3, branch_below=1.0)
        while not isinstance(answer.events.get(timeout=20), Token):
            pass
        bench.scheduler.cancel(answer.job)
        assert isinstance(answer.all()[-1], Failed)
        assert bench.scheduler.counts() == (0, 0)
        assert isinstance(bench.generate(candidates=3).all()[-1], Done)
