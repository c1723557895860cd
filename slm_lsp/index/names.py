"""The reasons for which a file is not indexed, and the rules that judge files and folders by their names.

Nothing here opens a file. Names are compared without regard to case, because some file systems ignore case.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable
from enum import StrEnum

from slm_lsp.privacy.paths import is_secret_file, is_secret_folder


class Skipped(StrEnum):
    """The reason for which a file is not indexed. The string is stored in the index and used for counting."""

    IGNORED = "ignored"
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    VERSION_CONTROL = "version-control"
    VENDORED = "vendored"
    CACHE = "cache"
    GENERATED = "generated"
    MINIFIED = "minified"
    BINARY = "binary"
    NOT_TEXT = "not-text"
    TOO_LARGE = "too-large"
    LONG_LINES = "long-lines"
    BAD_NAME = "bad-name"
    OUTSIDE = "outside"
    LINK = "link"
    NOT_A_FILE = "not-a-file"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    CHANGED = "changed"
    SLOW = "slow"
    DEEP = "deep"
    CRASHED = "crashed"

    @property
    def why(self) -> str:
        """The reason as a phrase for the user."""
        return _WHY[self]


_WHY = {
    Skipped.IGNORED: "ignored by .gitignore, .slmignore or git's excludes",
    Skipped.SECRET: "may hold keys or passwords",
    Skipped.VERSION_CONTROL: "internal files of version control",
    Skipped.VENDORED: "third-party code",
    Skipped.CACHE: "a cache or build output",
    Skipped.GENERATED: "generated code",
    Skipped.MINIFIED: "minified",
    Skipped.BINARY: "binary",
    Skipped.NOT_TEXT: "not UTF-8",
    Skipped.TOO_LARGE: "over 1 MiB",
    Skipped.LONG_LINES: "has a line over 2,000 characters",
    Skipped.BAD_NAME: "the name is not UTF-8 or has control characters",
    Skipped.OUTSIDE: "outside the workspace",
    Skipped.LINK: "a link to a folder, or a link that points to itself",
    Skipped.NOT_A_FILE: "a folder, pipe, socket or device",
    Skipped.UNREADABLE: "cannot be read",
    Skipped.VANISHED: "no longer exists",
    Skipped.CHANGED: "changed while it was being read",
    Skipped.SLOW: "took too long to parse",
    Skipped.DEEP: "nested too deeply to parse",
    Skipped.CRASHED: "the parser crashed",
}


_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", "cvs", "_darcs", ".jj"})

_VENDORED_FOLDERS = frozenset({
    "node_modules", "bower_components", "jspm_packages", ".yarn", ".pnpm-store", ".venv", "site-packages", ".bundle",
    # These folders contain code of other projects, often more than the project's own code. A project that develops this
    # code itself can include it, for example with `!third_party/` in .slmignore.
    "third_party", "third-party", "thirdparty", "3rdparty",
})  # fmt: skip

_CACHE_FOLDERS = frozenset({
    "__pycache__", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis",
    ".ipynb_checkpoints", ".cache", ".gradle", ".terraform", ".next", ".nuxt", ".svelte-kit", ".parcel-cache",
    ".turbo", ".angular", ".dart_tool", ".stack-work", ".direnv", ".import_linter_cache", "deriveddata",
})  # fmt: skip

_MARKER_ENTRIES = (
    ("pyvenv.cfg", Skipped.VENDORED),
    ("conda-meta", Skipped.VENDORED),
    # https://bford.info/cachedir: in Cargo's target folder, and in the caches of many tools.
    ("CACHEDIR.TAG", Skipped.CACHE),
)
"""Pairs of an entry and a reason. A folder that contains the entry is skipped for the reason, whatever its name is."""

_VENDOR_ENTRIES = ("modules.txt", "autoload.php", "composer", "bundle")
"""Entries that `go mod vendor`, Composer and Bundler create in a folder named `vendor`. A `vendor` folder without them
belongs to the project itself."""

_LOCK_FILES = frozenset({
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.lock", "poetry.lock",
    "pdm.lock", "uv.lock", "pylock.toml", "pipfile.lock", "cargo.lock", "composer.lock", "gemfile.lock", "go.sum",
    "go.work.sum", "mix.lock", "pubspec.lock", "podfile.lock", "cartfile.resolved", "package.resolved", "flake.lock",
    "packages.lock.json", "gradle.lockfile", ".terraform.lock.hcl", "conan.lock", "module.bazel.lock",
})  # fmt: skip


def _any_of(globs: Iterable[str]) -> Callable[[str], object]:
    """Compile globs into one expression and return its match function."""
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs)).match


_is_minified = _any_of(("*.min.js", "*.min.mjs", "*.min.cjs", "*.min.css"))
_is_generated = _any_of(("*.js.map", "*.mjs.map", "*.css.map", "*.d.ts.map"))


def bad_name(name: str) -> bool:
    """Whether a name cannot be shown or stored, because it is not UTF-8 or has control characters."""
    return not name.isprintable() and any(char < " " or "\x7f" <= char < "\xa0" or "\ud800" <= char < "\ue000"
                                          for char in name)  # fmt: skip


def refused_file(name: str) -> Skipped | None:
    """Return why a file with this name is never indexed in any folder; None if the name is accepted."""
    if bad_name(name):
        return Skipped.BAD_NAME
    low = name.lower()
    if is_secret_file(name):
        return Skipped.SECRET
    if low in _VERSION_CONTROL:  # `.git` is a file in worktrees and submodules
        return Skipped.VERSION_CONTROL
    if low in _LOCK_FILES or _is_generated(low):
        return Skipped.GENERATED
    return Skipped.MINIFIED if _is_minified(low) else None


def refused_folder(name: str, has: Callable[[str], bool]) -> Skipped | None:
    """Return why a folder is never indexed; None if it is accepted.

    Args:
        name: name of the folder.
        has: returns whether the folder contains an entry with the given name.
    """
    low = name.lower()
    if bad_name(name):
        return Skipped.BAD_NAME
    if low in _VERSION_CONTROL:
        return Skipped.VERSION_CONTROL
    if is_secret_folder(name):
        return Skipped.SECRET
    if low in _CACHE_FOLDERS or low.endswith(".egg-info"):
        return Skipped.CACHE
    if low in _VENDORED_FOLDERS or (low == "vendor" and any(map(has, _VENDOR_ENTRIES))):
        return Skipped.VENDORED
    return next((reason for mark, reason in _MARKER_ENTRIES if has(mark)), None)
