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
from slm_lsp.features.edit.propose import UNCHANGED, Proposal, propose
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import find_unit
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.languages.registry import languages

TEXT = "import math\n\n\ndef area(r):\n    return 3 * r * r\n\n\nprint(area(2))\n"
PYTHON = languages()["python"]
MODEL = ModelRef("/m.gguf")


class Scripted:
    """A provider with given answers. Each answer has a text, a log-probability and a reason why it ended."""

    def __init__(self, *answers: tuple[str, float, Finish]) -> None:
        self.answers = answers
        self.requests: list[Generate] = []

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

    async def warm(self, request: Warm) -> None:
        raise NotImplementedError

    async def estimate(self, request: Estimate) -> Estimated:
        raise NotImplementedError


async def proposal(*answers: tuple[str, float, Finish], **more: object) -> tuple[Proposal, Generate]:
    """Return the proposal for the function `area` if the model gives these answers, and the request to the model."""
    unit = find_unit(TEXT, (TEXT.index("return"),) * 2, PYTHON)
    request = EditRequest("a.py", TEXT, unit, "use math.pi", MODEL, PYTHON, candidates=len(answers), **more)  # type: ignore[arg-type]
    provider = Scripted(*answers)

    async def checks(text: str) -> Verdict:
        return Verdict((check_parsed(PYTHON, TEXT, text),))

    return await propose(request, provider, checks), provider.requests[0]


GOOD = "def area(r):\n    return math.pi * r * r"
LONGER = "def area(r):\n    pi = math.pi\n    return pi * r * r"
BROKEN = "def area(r):\n    return math.pi * (r * r"


async def test_candidate_without_failed_checks_wins_even_if_it_is_less_likely() -> None:
    found, _ = await proposal((BROKEN, -0.1, "stop"), (GOOD, -2.0, "stop"))
    assert found.best is not None
    assert found.best.text == TEXT.replace("3 * r", "math.pi * r")
    assert [bool(each.verdict.failed) for each in found.candidates] == [False, True]


async def test_of_two_valid_candidates_the_smaller_change_wins() -> None:
    found, _ = await proposal((LONGER, -0.1, "stop"), (GOOD, -0.5, "stop"))
    assert found.best is not None
    assert "pi = math.pi" not in found.best.text


async def test_equal_candidates_are_merged() -> None:
    found, _ = await proposal((GOOD, -0.5, "stop"), (f"{GOOD}\n", -0.1, "stop"))
    assert len(found.candidates) == 1
    assert found.candidates[0].likelihood == pytest.approx(-0.05)


async def test_nothing_outside_the_unit_changes() -> None:
    found, _ = await proposal(("import os\n\ndef area(r):\n    return os", -0.1, "stop"))
    assert found.best is not None
    unit = found.request.unit
    assert found.best.text.startswith(TEXT[: unit.start])
    assert found.best.text.endswith(TEXT[unit.end :])


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
