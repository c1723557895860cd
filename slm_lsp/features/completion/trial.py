"""Runs the examples in the docstring of a function with each candidate for a line of that function.

A verdict is only useful in comparison with others, because while the function is unfinished, every candidate fails.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slm_lsp.features.completion.choose import Site
from slm_lsp.features.completion.examples import Runnable, may_have_examples, runnable
from slm_lsp.sandbox.process import Verdict, run_calls


@dataclass(frozen=True)
class Trials:
    """Runs the candidates for one site and remembers their verdicts.

    Args:
        site: where the candidates are inserted.
    """

    site: Site
    _verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdicts so far, by text of the candidate."""
        return self._verdicts

    @property
    def proven(self) -> frozenset[str]:
        """The texts that pass the examples; empty if no text fails them.

        If no text fails, the examples do not depend on this line, so passing them proves nothing.
        """
        if Verdict.FAILED not in self._verdicts.values():
            return frozenset()
        return frozenset(text for text, verdict in self._verdicts.items() if verdict is Verdict.PASSED)

    async def run(self, texts: Sequence[str]) -> None:
        """Run the examples with each text that has no verdict yet, in another process.

        Cancelling this coroutine ends that process.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._verdicts]
        runs = await asyncio.to_thread(self._runnable, new) if new else {}
        if runs:
            examples = next(iter(runs.values())).examples
            modules = frozenset[str]().union(*(each.modules for each in runs.values()))
            verdicts = await run_calls([each.definition for each in runs.values()], examples, modules)
            self._verdicts.update(zip(runs, verdicts, strict=True))

    def _runnable(self, texts: Sequence[str]) -> Mapping[str, Runnable]:
        """Return the texts with which the function can be run. Called in a thread because it parses the document."""
        language = self.site.language
        if language is None or language.name != "python" or not may_have_examples(self.site.around.head):
            return {}
        self._verdicts.update(dict.fromkeys(texts, Verdict.UNKNOWN))
        line = self.site.around.head.count("\n")
        found = {text: runnable(self.site.document_with(text)[1].decode("utf-8", "replace"), line) for text in texts}
        return {text: each for text, each in found.items() if each is not None}
