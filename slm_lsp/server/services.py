"""The objects that the parts of completion share, in one value."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from slm_lsp.config import Settings
from slm_lsp.engine.api import Provider
from slm_lsp.features.completion.cache import Cache
from slm_lsp.server.outcomes import Outcomes
from slm_lsp.server.projects import Projects
from slm_lsp.server.sessions import Sessions
from slm_lsp.server.status import StatusReport
from slm_lsp.server.stream import Stream


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that completion in one server uses."""

    sessions: Sessions
    projects: Projects
    engine: Provider
    settings: Callable[[str | None], Awaitable[Settings]]
    """Returns the settings for a document, by its URI. For None, returns the settings outside any workspace."""
    status: StatusReport
    stream: Stream
    outcomes: Outcomes
    cache: Cache = field(default_factory=Cache)
    """The latest suggestions of all documents."""
