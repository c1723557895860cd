"""Decodes several candidates for one request together and ends the request once the best candidate is known.

The greedy candidate takes the most probable token at every step. Another candidate branches off where a token of the
greedy candidate has a low probability. If the greedy candidate has no such token, the request costs no more than a
request for a single answer.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from slm_lsp.engine.api import Generate, Token
from slm_lsp.features.completion.choose import FAILED_PENALTY, Candidate, Ranked, Site, ranked
from slm_lsp.features.completion.syntax import left_open
from slm_lsp.features.completion.trial import Trials
from slm_lsp.sandbox.process import Verdict

CANDIDATES = 3
"""Number of candidates to decode, including the greedy one."""

BRANCH_BELOW = 0.9
"""Another candidate branches off at each token of the greedy candidate that has a lower probability than this.
`docs/evals.md` compares the benefit and the cost of other values of `CANDIDATES` and `BRANCH_BELOW`."""


def spread(request: Generate) -> Generate:
    """Return a copy of a request that decodes several candidates, which branch off from the greedy candidate."""
    return msgspec.structs.replace(request, candidates=CANDIDATES, branch_below=BRANCH_BELOW)


def distinct(texts: Sequence[str]) -> list[int]:
    """Return the indices of the texts worth showing as alternatives. The texts must be sorted, the best first.

    A text is omitted if it differs from a better text only in whitespace. It is also omitted if it leaves a bracket
    open and a better text begins with it.
    """
    kept: dict[str, int] = {}
    for index, text in enumerate(texts):
        normalized = " ".join(text.split())
        if normalized not in kept and not (left_open(text) and any(each.startswith(normalized) for each in kept)):
            kept[normalized] = index
    return list(kept.values())


class Race:
    """Collects the tokens of the candidates and decides when to stop waiting for unfinished candidates.

    Args:
        site: where the candidates are inserted.
        trials: runs the examples of the function with each candidate; None: no examples are run.
    """

    def __init__(self, site: Site, trials: Trials | None = None) -> None:
        self._site = site
        self._trials = trials
        self._tokens: dict[int, list[Token]] = {}
        """The tokens so far, by candidate."""
        self._best_score: float | None = None

    def note(self, token: Token) -> None:
        """Add the next token of a candidate."""
        self._tokens.setdefault(token.candidate, []).append(token)
        if token.finish is not None:
            self._best_score = self.ranked()[0].score

    async def add(self, token: Token) -> None:
        """Add the next token of a candidate. If the token ends the candidate, rank the candidates and run the examples.

        The candidates are ranked in a thread, because ranking parses the document.
        """
        if token.finish is None:
            self.note(token)
        else:
            await asyncio.to_thread(self.note, token)
            await self.run_trials()

    async def run_trials(self) -> None:
        """Run the examples once with each finished candidate.

        Does nothing until the greedy candidate has finished and another one has branched off.
        """
        if self._trials is None or len(self._tokens) < 2 or not self._greedy_finished:
            return
        await self._trials.run([each.text for each in self.finished])
        best = self.ranked()[0]
        # UNFINISHED: the calls returned None, so the function probably lacks later lines. Then no other candidate can
        # pass either, so the penalty is taken back.
        unfinished = self._verdicts.get(best.candidate.text) is Verdict.UNFINISHED
        self._best_score = best.score + (FAILED_PENALTY if unfinished else 0.0)

    @property
    def _verdicts(self) -> Mapping[str, Verdict]:
        return {} if self._trials is None else self._trials.verdicts

    @property
    def finished(self) -> tuple[Candidate, ...]:
        """The finished candidates, in the order of their numbers."""
        finished = [tokens for _, tokens in sorted(self._tokens.items()) if tokens[-1].finish is not None]
        return tuple(
            Candidate(
                _text(tokens),
                tuple(each.logprob for each in tokens),
                tokens[-1].finish,
                merged=tokens[-1].text != "",
            )
            for tokens in finished
        )

    @property
    def decided(self) -> bool:
        """Whether the greedy candidate has finished and the request can end without the unfinished candidates.

        An unfinished candidate cannot win if its probability is already below the best score, because more tokens only
        lower its probability. If the greedy candidate passes the examples, another candidate hardly ever wins, so the
        race is decided too.
        """
        if self._best_score is None or not self._greedy_finished:
            return False
        if self._verdicts.get(_text(self._tokens[0])) is Verdict.PASSED:
            return True
        return all(sum(logprobs) <= self._best_score for logprobs in self._unfinished)

    @property
    def _greedy_finished(self) -> bool:
        greedy = self._tokens.get(0)
        return greedy is not None and greedy[-1].finish is not None

    @property
    def _unfinished(self) -> list[list[float]]:
        """The log-probabilities of the tokens of each unfinished candidate."""
        return [[each.logprob for each in tokens] for tokens in self._tokens.values() if tokens[-1].finish is None]

    def ranked(self) -> list[Ranked]:
        """Return the finished candidates, the best first."""
        return ranked(
            self.finished,
            self._site,
            greedy_first=self._greedy_finished,
            unfinished=self._unfinished,
            verdicts=self._verdicts,
        )


def _text(tokens: Sequence[Token]) -> str:
    return "".join(each.text for each in tokens)
