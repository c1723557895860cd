"""Resolves the settings of each workspace, and resolves them again when one of their sources changes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slm_lsp.config import WORKSPACE_FILE, Settings, load_settings, user_file

CHECK_S = 1.0
"""Seconds for which resolved settings are used without checking their files for changes. A change that the editor
reports takes effect at once: see `SettingsCache.file_changed`."""

_Stamp = tuple[int, int, int] | None
"""A file's size, modification time, and change time of its metadata (such as permissions); None if no such file exists.
"""


@dataclass(frozen=True, slots=True)
class _Resolved:
    stamps: tuple[_Stamp, ...]
    """Stamps of the settings files when they were read."""
    settings: Settings


@dataclass(slots=True)
class _Workspace:
    """The cached settings of one workspace folder."""

    resolved: _Resolved | None = None
    checked_at: float = -CHECK_S
    """Time of the last check of the files, by the cache's clock."""
    problems: tuple[str, ...] = ()
    """Problems in the last settings. They have been shown to the user."""
    resolving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a thread checks the files, so that simultaneous requests cause only one check."""


class SettingsCache:
    """Settings by workspace folder. Files are read in a thread, so a look-up never blocks the event loop.

    Args:
        overrides: settings of the command line. They take precedence over the editor's settings.
        warn: called once with each problem, and again if a problem comes back after it was fixed.
        user: the user's settings file; None for the default path.
        clock: returns seconds since any fixed time.
    """

    def __init__(
        self,
        overrides: Mapping[str, object],
        warn: Callable[[str], None],
        user: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._overrides = overrides
        self._warn = warn
        self._user = user or user_file()
        self._clock = clock
        self._editor: Mapping[str, object] = overrides
        self._workspaces: dict[Path | None, _Workspace] = {}

    def configure(self, editor: Mapping[str, object]) -> None:
        """Replace the editor's settings."""
        self._editor = {**editor, **self._overrides}
        for each in self._workspaces.values():
            each.resolved = None

    @property
    def editor(self) -> Mapping[str, object]:
        """The editor's settings, overridden by the settings of the command line."""
        return self._editor

    def is_settings_file(self, path: Path) -> bool:
        """Return whether a file can be a settings file, judged by its path."""
        return path.name == WORKSPACE_FILE or path == self._user

    def file_changed(self) -> None:
        """Check the files at the next look-up, because a settings file was saved or has changed."""
        for each in self._workspaces.values():
            each.checked_at = self._clock() - CHECK_S

    async def get(self, folder: Path | None) -> Settings:
        """Return the settings of a workspace folder. For None, return the settings outside any workspace folder."""
        workspace = self._workspaces.setdefault(folder, _Workspace())
        while (settings := self._fresh(workspace)) is None:
            async with workspace.resolving:
                if self._fresh(workspace) is None:
                    await self._resolve(folder, workspace)
        return settings

    def forget(self, folder: Path) -> None:
        """Drop a workspace folder that was closed."""
        self._workspaces.pop(folder, None)

    def _fresh(self, workspace: _Workspace) -> Settings | None:
        """Return the resolved settings; None if the files must be checked first."""
        if workspace.resolved is None or self._clock() - workspace.checked_at >= CHECK_S:
            return None
        return workspace.resolved.settings

    async def _resolve(self, folder: Path | None, workspace: _Workspace) -> None:
        editor, before, now = self._editor, workspace.resolved, self._clock()
        resolved = await asyncio.to_thread(self._read, folder, editor, before)
        if editor is not self._editor:
            return  # The editor's settings were replaced in the meantime; the caller tries again.
        workspace.resolved, workspace.checked_at = resolved, now
        if resolved is not before:
            self._report(workspace, resolved.settings.problems)

    def _read(self, folder: Path | None, editor: Mapping[str, object], before: _Resolved | None) -> _Resolved:
        """Return the settings. If no file has changed since `before`, return `before`. Call this in a thread."""
        files = [self._user] if folder is None else [self._user, folder / WORKSPACE_FILE]
        stamps = tuple(_stamp(each) for each in files)
        if before is not None and before.stamps == stamps:
            return before
        return _Resolved(stamps, load_settings(folder, editor=editor, user=self._user))

    def _report(self, workspace: _Workspace, problems: tuple[str, ...]) -> None:
        shown = {problem for each in self._workspaces.values() for problem in each.problems}
        workspace.problems = problems
        for problem in dict.fromkeys(problems):
            if problem not in shown:
                self._warn(problem)


def _stamp(path: Path) -> _Stamp:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns
