"""Answers constrained to a regular expression."""

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
    """Return the answer to random logits, and why it ended."""
    random = np.random.default_rng(seed)
    decoder = Decoder(Bytes(), Stop(), tokens, sampling=Sampling(temperature, seed=seed), form=Form(form))
    text = ""
    while True:
        step = decoder.accept(random.normal(size=Bytes.size).astype(np.float32))
        text += step.text
        if step.token is None:
            return text, step.finish


@given(seed=st.integers(0, 1000), temperature=st.sampled_from([0.0, 1.0]))
@settings(deadline=None, max_examples=50)
def test_answer_matches_the_form_for_any_logits(seed: int, temperature: float) -> None:
    text, finish = answer(VERDICT, seed, temperature)
    assert finish == "end"
    assert re.fullmatch(VERDICT.encode(), text.encode(), re.DOTALL) or "\ufffd" in text
    if "\ufffd" not in text:
        assert set(json.loads(text)) == {"right", "why"}


@pytest.mark.parametrize(("form", "answers"), [("yes|no", {"yes", "no"}), ("(é){2}", {"éé"}), ("[0-9]{3}", None)])
def test_answer_ends_when_no_longer_answer_can_match(form: str, answers: set[str] | None) -> None:
    text, finish = answer(form, 1)
    assert finish == "end"
    assert text in answers if answers else re.fullmatch(form, text)


def test_likeliest_fitting_token_is_chosen() -> None:
    logits = np.zeros(Bytes.size, dtype=np.float32)
    logits[ord("z")], logits[ord("b")], logits[ord("a")] = 9, 5, 1
    assert Decoder(Bytes(), Stop(), 9, form=Form("[ab]x")).accept(logits).token == ord("b")


def test_model_can_end_only_after_a_complete_match() -> None:
    logits = np.zeros(Bytes.size, dtype=np.float32)
    logits[256], logits[ord("1")] = 9, 5
    decoder = Decoder(Bytes(), Stop(), 9, form=Form("[0-9]{2,4}"))
    assert [decoder.accept(logits).token for _ in range(3)] == [ord("1"), ord("1"), None]


@pytest.mark.parametrize("form", ["(", "[z-a]"])
def test_invalid_expression_is_a_usage_error(form: str) -> None:
    with pytest.raises(UsageError, match="not a valid regular expression"):
        Form(form)


def test_match_that_takes_too_long_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slm_lsp.engine.daemon.form.MATCH_S", 0.01)
    endless = Form("(a|aa)+[^a]")
    endless.append(b"a" * 40)
    with pytest.raises(UsageError, match="too long"):
        _ = endless.complete
