"""Whether suggestions do as the examples of the function they stand in say: they are run, where they only compute.

Verdicts are worth something beside each other: in a function that is half written nothing does as the examples say.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slm_lsp.features.completion.choose import Site
from slm_lsp.features.completion.examples import Runnable, may_have_examples, runnable
from slm_lsp.sandbox.process import Verdict, run_calls


@dataclass(frozen=True)
class Trials:
    """Of the candidates of one place.

    Args:
        site: where they go.
    """

    site: Site
    _known: dict[str, Verdict] = field(default_factory=dict)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """Of the texts that were tried."""
        return self._known

    @property
    def proven(self) -> frozenset[str]:
        """The texts that do as the examples say, where others do not: else examples say nothing of this line."""
        if Verdict.FAILED not in self._known.values():
            return frozenset()
        return frozenset(text for text, verdict in self._known.items() if verdict is Verdict.PASSED)

    async def run(self, texts: Sequence[str]) -> None:
        """Try those that were not tried yet; cancelling this ends it."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        runs = await asyncio.to_thread(self._runnable, new) if new else {}
        if runs:
            wanted = next(iter(runs.values())).wanted
            modules = frozenset[str]().union(*(each.modules for each in runs.values()))
            verdicts = await run_calls([each.definition for each in runs.values()], wanted, modules)
            self._known.update(zip(runs, verdicts, strict=True))

    def _runnable(self, texts: Sequence[str]) -> Mapping[str, Runnable]:
        """Return the texts with which the function can be run. Called in a thread: it parses the document."""
        language = self.site.language
        if language is None or language.name != "python" or not may_have_examples(self.site.around.head):
            return {}
        self._known.update(dict.fromkeys(texts, Verdict.UNKNOWN))
        line = self.site.around.head.count("\n")
        found = {text: runnable(self.site.put(text)[1].decode("utf-8", "replace"), line) for text in texts}
        return {text: each for text, each in found.items() if each is not None}
