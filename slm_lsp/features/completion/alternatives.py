"""Several answers to one request, decoded together: how many are asked for, and when one of them has won.

The others branch off where the greedy answer is unsure, so that a sure one costs what it costs alone.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from slm_lsp.engine.api import Generate, Token
from slm_lsp.features.completion.choose import WRONG, Candidate, Ranked, Site, ranked
from slm_lsp.features.completion.syntax import left_open
from slm_lsp.features.completion.trial import Trials
from slm_lsp.sandbox.process import Verdict

ANSWERS = 3
BRANCH_BELOW = 0.9
"""Chosen by what they are worth and what they cost; the table stands in `docs/evals.md`."""


def spread(request: Generate) -> Generate:
    """A request for several answers instead of one."""
    return msgspec.structs.replace(request, candidates=ANSWERS, branch_below=BRANCH_BELOW)


def distinct(texts: Sequence[str]) -> list[int]:
    """Which of several texts, the best first, are worth showing beside each other.

    Not one that differs from a better one in white space only, nor one that breaks off inside a bracket where a better
    one goes on.
    """
    kept: dict[str, int] = {}
    for index, text in enumerate(texts):
        said = " ".join(text.split())
        if said not in kept and not (left_open(text) and any(better.startswith(said) for better in kept)):
            kept[said] = index
    return list(kept.values())


class Race:
    """Candidates as they come; tells when waiting for more is worth nothing.

    Args:
        site: where they go.
        trials: runs them, where that tells anything; None: they are not run.
    """

    def __init__(self, site: Site, trials: Trials | None = None) -> None:
        self._site = site
        self._trials = trials
        self._said: dict[int, list[Token]] = {}
        self._best: float | None = None

    def note(self, token: Token) -> None:
        """One token more."""
        said = self._said.setdefault(token.candidate, [])
        said.append(token)
        if token.finish is not None:
            self._best = self.ranked()[0].score

    async def add(self, token: Token) -> None:
        """Add a token. When it ends a candidate, rank the candidates in a thread and run the examples."""
        if token.finish is None:
            self.note(token)
        else:
            await asyncio.to_thread(self.note, token)
            await self.tried()

    async def tried(self) -> None:
        """Run those that are whole, once the greedy answer is and has others beside it; each is run once."""
        if self._trials is None or len(self._said) < 2 or not self._greedy_whole:
            return
        await self._trials.run([each.text for each in self.finished])
        best = self.ranked()[0]
        unfinished = self._verdicts.get(best.candidate.text) is Verdict.UNFINISHED
        self._best = best.score + (WRONG if unfinished else 0.0)  # Nothing may do better yet: no reason to wait.

    @property
    def _verdicts(self) -> Mapping[str, Verdict]:
        return {} if self._trials is None else self._trials.verdicts

    @property
    def finished(self) -> tuple[Candidate, ...]:
        """Those that are whole, in their order."""
        ended = [self._said[number] for number in sorted(self._said) if self._said[number][-1].finish is not None]
        return tuple(
            Candidate(
                _text(said),
                tuple(each.logprob for each in said),
                said[-1].finish,
                merged=said[-1].text != "",
            )
            for said in ended
        )

    @property
    def decided(self) -> bool:
        """Whether the greedy answer is whole and nothing is worth waiting for.

        What still grows cannot win where it is less likely already, and hardly ever where the greedy answer does as the
        examples say.
        """
        if self._best is None or not self._greedy_whole:
            return False
        if self._verdicts.get(_text(self._said[0])) is Verdict.PASSED:
            return True
        return all(sum(said) <= self._best for said in self._growing)

    @property
    def _greedy_whole(self) -> bool:
        greedy = self._said.get(0)
        return greedy is not None and greedy[-1].finish is not None

    @property
    def _growing(self) -> list[list[float]]:
        """The logarithms of the probabilities of what those said that are not whole."""
        return [[each.logprob for each in said] for said in self._said.values() if said[-1].finish is None]

    def ranked(self) -> list[Ranked]:
        """What those say that are whole, the best first."""
        return ranked(
            self.finished,
            self._site,
            greedy_first=self._greedy_whole,
            growing=self._growing,
            verdicts=self._verdicts,
        )


def _text(said: Sequence[Token]) -> str:
    return "".join(each.text for each in said)
