"""`propose` turns the model's answers into a proposal. A scripted provider gives known answers instead of a model."""

import pytest

from slm_lsp.engine.api import (
    ChatFormat,
    Done,
    Estimate,
    Estimated,
    Event,
    Finish,
    Generate,
    ModelInfo,
    ModelRef,
    OnLoading,
    Priority,
    Started,
    Token,
    Warm,
    ignore_loading,
)
from slm_lsp.errors import UsageError
from slm_lsp.features.edit.cleaning import CUT_OFF
from slm_lsp.features.edit.hunks import Hunk
from slm_lsp.features.edit.propose import UNCHANGED, Checks, EditCandidate, Proposal, propose, until_one_passes
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import find_unit
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Check, Result, Verdict
from slm_lsp.languages.registry import languages

TEXT = "import math\n\n\ndef area(r):\n    return 3 * r * r\n\n\nprint(area(2))\n"
PYTHON = languages()["python"]
MODEL = ModelRef("/m.gguf")


class Scripted:
    """A provider with given answers. Each answer has a text, a log-probability and a reason why it ended."""

    def __init__(self, *answers: tuple[str, float, Finish]) -> None:
        self.answers = answers
        self.requests: list[Generate] = []
        self.finished = False

    async def describe(
        self, model: ModelRef, *, explicit: bool = False, on_loading: OnLoading = ignore_loading
    ) -> ModelInfo:
        return ModelInfo(model, "scripted", 8192, None, chat=ChatFormat(None, "", "", adds_bos=False))

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        return await self.describe(model)

    async def generate(self, request: Generate):  # type: ignore[no-untyped-def]
        self.requests.append(request)
        events: list[Event] = [Started(0, 0.0, 10, 4, "scripted")]
        for number, (text, logprob, finish) in enumerate(self.answers):
            events.append(Token(0, text, logprob, number))
            events.append(Token(0, "", 0.0, number, finish))
        for event in (*events, Done(0, "stop", len(self.answers), 1.0, 1.0)):
            yield event
        self.finished = True

    async def warm(self, request: Warm) -> None:
        raise NotImplementedError

    async def estimate(self, request: Estimate) -> Estimated:
        raise NotImplementedError


async def proposal(
    *answers: tuple[str, float, Finish], final: Checks | None = None, **more: object
) -> tuple[Proposal, Generate]:
    """Return the proposal for the function `area` if the model gives these answers, and the request to the model."""
    unit = find_unit(TEXT, (TEXT.index("return"),) * 2, PYTHON)
    request = EditRequest("a.py", TEXT, unit, "use math.pi", MODEL, PYTHON, candidates=len(answers), **more)  # type: ignore[arg-type]
    provider = Scripted(*answers)

    async def checks(text: str) -> Verdict:
        return Verdict((check_parsed(PYTHON, TEXT, text),))

    return await propose(request, provider, checks, final=final), provider.requests[0]


GOOD = "def area(r):\n    return math.pi * r * r"
LONGER = "def area(r):\n    pi = math.pi\n    return pi * r * r"
BROKEN = "def area(r):\n    return math.pi * (r * r"


async def test_candidate_without_failed_checks_wins_even_if_it_is_less_likely() -> None:
    found, _ = await proposal((BROKEN, -0.1, "stop"), (GOOD, -2.0, "stop"))
    assert found.best is not None
    assert found.best.text == TEXT.replace("3 * r", "math.pi * r")
    assert [bool(each.verdict.failed) for each in found.candidates] == [False, True]


async def test_smaller_change_wins_between_two_valid_candidates() -> None:
    found, _ = await proposal((LONGER, -0.1, "stop"), (GOOD, -0.5, "stop"))
    assert found.best is not None
    assert "pi = math.pi" not in found.best.text


async def test_equal_candidates_are_merged() -> None:
    found, _ = await proposal((GOOD, -0.5, "stop"), (f"{GOOD}\n", -0.1, "stop"))
    assert len(found.candidates) == 1
    assert found.candidates[0].likelihood == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("answer", "added"),
    [
        ("import os\n\ndef area(r):\n    return os.sep", "import os\n"),
        ("def area(r):\n    return Path(r)", "from pathlib import Path\n"),
    ],
    ids=["import in the answer", "missing import"],
)
async def test_outside_the_unit_only_imports_change(answer: str, added: str) -> None:
    found, _ = await proposal((answer, -0.1, "stop"))
    assert found.best is not None
    unit = found.request.unit
    code = answer.partition("\n\n")[2] or answer
    assert added in found.best.text
    assert found.best.text.replace(added, "") == TEXT[: unit.start] + code + TEXT[unit.end :]


async def test_import_in_the_answer_moves_to_the_imports_of_the_file() -> None:
    found, _ = await proposal(("import os\n\ndef area(r):\n    return os", -0.1, "stop"))
    assert found.best is not None
    assert found.best.text.startswith("import math\nimport os\n\n\ndef area(r):\n    return os\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (("def area(r):\n    return 3 * r * r", -0.1, "stop"), UNCHANGED),
        ((GOOD, -0.1, "length"), CUT_OFF),
    ],
)
async def test_unusable_answers_give_a_reason(answer: tuple[str, float, Finish], reason: str) -> None:
    found, _ = await proposal(answer)
    assert (found.best, found.reason) == (None, reason)


async def test_text_of_the_document_is_never_sent_as_special_tokens() -> None:
    _, request = await proposal((GOOD, -0.1, "stop"), context="<|im_end|>")
    plain = "".join(each.text for each in request.segments if not each.special)
    special = "".join(each.text for each in request.segments if each.special)
    assert "return 3 * r * r" in plain
    assert plain.count("<|im_end|>") == 1
    assert "return 3" not in special
    assert request.priority is Priority.EDIT
    assert request.draft.startswith("def area(r):")


async def test_answer_starts_with_a_signature_that_must_not_change() -> None:
    found, request = await proposal(("    return math.pi * r * r", -0.1, "stop"), keep_signature=True)
    assert request.segments[-1].text.endswith("def area(r):\n")
    assert found.best is not None
    assert found.best.text == TEXT.replace("3 * r", "math.pi * r")


@pytest.mark.parametrize(
    ("path", "text"),
    [(".env", "NAME = 1\n"), ("a.py", 'password = "Kx9!vQ2#mL8zTr4w"\n')],
    ids=["file with secrets", "secret in the unit"],
)
async def test_model_does_not_read_secrets(path: str, text: str) -> None:
    request = EditRequest(path, text, find_unit(text, (0, 0), PYTHON), "rename it", MODEL)
    provider = Scripted()
    with pytest.raises(UsageError, match="does not read it"):
        await propose(request, provider, lambda _: None)  # type: ignore[arg-type]
    assert provider.requests == []


async def test_empty_instruction_is_refused() -> None:
    unit = find_unit(TEXT, (0, 0), PYTHON)
    with pytest.raises(UsageError, match="instruction is empty"):
        await propose(EditRequest("a.py", TEXT, unit, "  ", MODEL), Scripted(), lambda _: None)  # type: ignore[arg-type]


def candidate(text: str, size: int, result: Result = "passed") -> EditCandidate:
    verdict = Verdict((Check("parsed", result),))
    return EditCandidate(text, (Hunk(0, 0, "", "x" * size, 0),), verdict, -1.0)


@pytest.mark.parametrize(
    ("results", "checked", "order"),
    [
        ({"small": "passed"}, ["small"], ["small", "large", "broken"]),
        ({"small": "failed", "large": "passed"}, ["small", "large"], ["large", "broken", "small"]),
        ({"small": "failed", "large": "failed"}, ["small", "large"], ["broken", "small", "large"]),
        ({"small": "not available"}, ["small"], ["small", "large", "broken"]),
    ],
)
async def test_costly_checks_run_on_the_best_candidates_until_one_passes(
    results: dict[str, Result], checked: list[str], order: list[str]
) -> None:
    ran = []

    async def final(text: str) -> Verdict:
        ran.append(text)
        return Verdict((Check("tests", results[text]),))

    given = [candidate("broken", 1, "failed"), candidate("large", 3), candidate("small", 2)]
    found = sorted(await until_one_passes(given, final), key=lambda each: each.rank)
    assert ran == checked
    assert [each.text for each in found] == order
    tested = {each.text for each in found if any(check.check == "tests" for check in each.verdict.checks)}
    assert tested == set(checked), "a verdict lists only checks that ran"


async def test_proposal_contains_the_results_of_costly_checks() -> None:
    async def final(text: str) -> Verdict:
        return Verdict((Check("tests", "failed" if "pi = " not in text else "passed"),))

    found, _ = await proposal((GOOD, -0.1, "stop"), (LONGER, -0.5, "stop"), final=final)
    assert found.best is not None
    assert "pi = math.pi" in found.best.text
    assert found.best.verdict.passed("tests")


async def test_first_candidate_that_passes_the_tests_ends_the_generation() -> None:
    provider = Scripted((BROKEN, -0.1, "stop"), (LONGER, -0.1, "stop"), (GOOD, -0.1, "stop"))
    unit = find_unit(TEXT, (TEXT.index("return"),) * 2, PYTHON)
    request = EditRequest("a.py", TEXT, unit, "use math.pi", MODEL, PYTHON, candidates=3, first_pass=True)
    checked = []

    async def checks(text: str) -> Verdict:
        checked.append(text)
        parsed = check_parsed(PYTHON, TEXT, text)
        tests = Check("tests", "failed" if parsed.result == "failed" else "passed")
        return Verdict((parsed, tests))

    found = await propose(request, provider, checks)
    assert found.best is not None
    assert "pi = math.pi" in found.best.text
    assert len(checked) == 2
    assert not provider.finished
