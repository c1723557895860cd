"""Answers that have a form."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_lsp.engine.api import Sampling, Stop
from slm_lsp.engine.daemon.decode import Decoder
from slm_lsp.engine.daemon.form import Form
from slm_lsp.errors import UsageError
from tests.engine.daemon.test_decode import Bytes

VERDICT = r'\{"right": (true|false), "why": "[^"\\\x00-\x1f]{1,12}"\}'


def answer(form: str, seed: int, temperature: float = 0.0, tokens: int = 80) -> tuple[str, str | None]:
    """What comes of random logits, and how it ended."""
    random = np.random.default_rng(seed)
    decoder = Decoder(Bytes(), Stop(), tokens, sampling=Sampling(temperature, seed=seed), form=Form(form))
    said = ""
    while True:
        step = decoder.accept(random.normal(size=Bytes.size).astype(np.float32))
        said += step.text
        if step.token is None:
            return said, step.finish


@given(seed=st.integers(0, 1000), temperature=st.sampled_from([0.0, 1.0]))
@settings(deadline=None, max_examples=50)
def test_whatever_the_model_says_the_answer_has_the_form(seed: int, temperature: float) -> None:
    said, finish = answer(VERDICT, seed, temperature)
    assert finish == "end"
    assert re.fullmatch(VERDICT.encode(), said.encode(), re.DOTALL) or "\ufffd" in said
    if "\ufffd" not in said:
        assert set(json.loads(said)) == {"right", "why"}


@pytest.mark.parametrize(("form", "answers"), [("yes|no", {"yes", "no"}), ("(é){2}", {"éé"}), ("[0-9]{3}", None)])
def test_the_answer_ends_where_nothing_can_follow(form: str, answers: set[str] | None) -> None:
    said, finish = answer(form, 1)
    assert finish == "end"
    assert said in answers if answers else re.fullmatch(form, said)


def test_where_there_is_a_choice_the_likeliest_is_taken() -> None:
    logits = np.zeros(Bytes.size, dtype=np.float32)
    logits[ord("z")], logits[ord("b")], logits[ord("a")] = 9, 5, 1
    assert Decoder(Bytes(), Stop(), 9, form=Form("[ab]x")).accept(logits).token == ord("b")


def test_the_model_may_end_only_where_the_form_is_complete() -> None:
    logits = np.zeros(Bytes.size, dtype=np.float32)
    logits[256], logits[ord("1")] = 9, 5
    decoder = Decoder(Bytes(), Stop(), 9, form=Form("[0-9]{2,4}"))
    assert [decoder.accept(logits).token for _ in range(3)] == [ord("1"), ord("1"), None]


@pytest.mark.parametrize("form", ["(", "[z-a]"])
def test_what_is_no_expression_is_wrong_usage(form: str) -> None:
    with pytest.raises(UsageError, match="no regular expression"):
        Form(form)


def test_an_expression_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slm_lsp.engine.daemon.form.MATCH_S", 0.01)
    endless = Form("(a|aa)+[^a]")
    endless.append(b"a" * 40)
    with pytest.raises(UsageError, match="too long"):
        _ = endless.complete
