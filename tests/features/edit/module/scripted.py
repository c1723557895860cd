"""A provider that answers edits with a function instead of a model."""

from collections.abc import Callable, Sequence

from slm_lsp.engine.api import (
    ChatFormat,
    Done,
    Estimate,
    Estimated,
    Event,
    Generate,
    ModelInfo,
    ModelRef,
    OnLoading,
    Started,
    Token,
    Warm,
    ignore_loading,
)

FENCE = "```python\n"

Rewrite = Callable[[str], Sequence[str]]
"""Returns the answers for a piece of code, which has no common indentation."""


class Rewriter:
    """Answers every edit with `rewrite(code)`, and records the code of each request."""

    def __init__(self, rewrite: Rewrite, context_tokens: int = 8192) -> None:
        self.rewrite = rewrite
        self.context_tokens = context_tokens
        self.requests: list[Generate] = []

    @property
    def codes(self) -> list[str]:
        """The first line of the code of each request."""
        return [each.draft.splitlines()[0] for each in self.requests]

    async def describe(
        self, model: ModelRef, *, explicit: bool = False, on_loading: OnLoading = ignore_loading
    ) -> ModelInfo:
        chat = ChatFormat(None, "", "", adds_bos=False)
        return ModelInfo(model, "scripted", self.context_tokens, None, chat=chat)

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        return await self.describe(model)

    async def generate(self, request: Generate):  # type: ignore[no-untyped-def]
        self.requests.append(request)
        await self.before_answer(request)
        prefilled = request.segments[-1].text.rpartition(FENCE)[2]
        events: list[Event] = [Started(0, 0.0, 10, 4, "scripted")]
        answers = list(self.rewrite(request.draft))[: request.candidates]
        for number, answer in enumerate(answers):
            events.append(Token(0, answer.removeprefix(prefilled), -0.1 * (number + 1), number))
            events.append(Token(0, "", 0.0, number, "stop"))
        for event in (*events, Done(0, "stop", len(answers), 1.0, 1.0)):
            yield event

    async def before_answer(self, request: Generate) -> None:
        """Called before each answer; tests override it."""

    async def warm(self, request: Warm) -> None:
        raise NotImplementedError

    async def estimate(self, request: Estimate) -> Estimated:
        raise NotImplementedError


def documented(code: str) -> Sequence[str]:
    """Return the code of a Python function or class with a docstring."""
    header, _, body = code.partition(":\n")
    return [f'{header}:\n    """Docs."""\n{body}']
