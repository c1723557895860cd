"""The settings of each workspace, read again only when one of their files or the editor's settings change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.config import WORKSPACE_FILE, Settings, load_settings, user_file

_Stamp = tuple[int, int, int] | None
"""Size, time of change and time of the last change of its metadata (permissions); None where there is no file."""


@dataclass(frozen=True, slots=True)
class _Resolved:
    stamps: tuple[_Stamp, ...]
    settings: Settings


class SettingsCache:
    """Settings by workspace folder. A look-up costs one `stat` per settings file.

    Args:
        overrides: settings of the command line; they win over the editor's.
        warn: called once with each problem, and again when a problem comes back after it was mended.
        user: the user's settings file; None: the usual one.
    """

    def __init__(self, overrides: Mapping[str, object], warn: Callable[[str], None], user: Path | None = None) -> None:
        self._overrides = overrides
        self._warn = warn
        self._user = user or user_file()
        self._editor: Mapping[str, object] = overrides
        self._resolved: dict[Path | None, _Resolved] = {}
        self._problems: dict[Path | None, tuple[str, ...]] = {}

    def configure(self, editor: Mapping[str, object]) -> None:
        """Replace the editor's settings."""
        self._editor = {**editor, **self._overrides}
        self._resolved.clear()

    @property
    def editor(self) -> Mapping[str, object]:
        """The editor's settings with those of the command line over them."""
        return self._editor

    def get(self, workspace: Path | None) -> Settings:
        """The settings of a workspace folder, or those outside of any (None)."""
        files = [self._user] if workspace is None else [self._user, workspace / WORKSPACE_FILE]
        stamps = tuple(_stamp(each) for each in files)
        known = self._resolved.get(workspace)
        if known is not None and known.stamps == stamps:
            return known.settings
        settings = load_settings(workspace, editor=self._editor, user=self._user)
        self._resolved[workspace] = _Resolved(stamps, settings)
        self._report(workspace, settings.problems)
        return settings

    def forget(self, workspace: Path) -> None:
        """Drop a workspace folder that was closed."""
        self._resolved.pop(workspace, None)
        self._problems.pop(workspace, None)

    def _report(self, workspace: Path | None, problems: tuple[str, ...]) -> None:
        shown = {problem for each in self._problems.values() for problem in each}
        self._problems[workspace] = problems
        for problem in dict.fromkeys(problems):
            if problem not in shown:
                self._warn(problem)


def _stamp(path: Path) -> _Stamp:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns
