"""Shows the steps of one edit: in the progress, in the status and in the stream of its text."""

from slm_lsp.features.edit.propose import Checks, EditProgress
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.routing.policy import Choice
from slm_lsp.server.edit_progress import WorkDone
from slm_lsp.server.status import StatusReport
from slm_lsp.server.stream import SuggestionStream


class EditSteps:
    """The steps of one edit. Use it on the event loop only."""

    def __init__(self, status: StatusReport, progress: WorkDone, stream: SuggestionStream) -> None:
        self._status = status
        self._progress = progress
        self._stream = stream
        self._model = "the model"
        self._checked = 0

    @property
    def progress(self) -> EditProgress:
        """The functions that show the progress of the model."""
        return EditProgress(self._on_loading, self._on_text)

    def show(self, message: str) -> None:
        """Show what is being done now."""
        self._progress.report(message)

    def chosen(self, choice: Choice) -> None:
        """Show which model makes the edit, and why."""
        self._model = choice.tier or choice.name
        self._status.set("working", model=choice.name, tier=choice.tier, chosen=choice.why)

    def checking(self, checks: Checks) -> Checks:
        """Return the same checks. They also show which candidate is checked."""

        async def shown(text: str) -> Verdict:
            self._checked += 1
            self.show(f"checking candidate {self._checked}")
            return await checks(text)

        return shown

    def end(self) -> None:
        """Say that no more text follows in the stream."""
        self._stream.end("")

    def _on_loading(self, fraction: float) -> None:
        if fraction < 1:
            self._progress.report(f"loading {self._model}", fraction)
        else:
            self.show("reading the code")
        self._status.set("loading" if fraction < 1 else "working")

    def _on_text(self, text: str) -> None:
        self.show(f"writing, {len(text.splitlines())} lines")
        self._stream.show(text)
