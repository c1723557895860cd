"""Decide what a test command sees of a project: which files are hidden, and which folders are not copied."""

import os
from collections.abc import Mapping
from pathlib import Path

from slm_lsp.index.names import Skipped, refused_folder
from slm_lsp.privacy.paths import is_secret_file, is_secret_folder
from slm_lsp.sandbox.view import View

ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""Entries of a Python environment. Such a folder may be named `.env`, which otherwise suggests secrets."""

CACHES = frozenset({
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache",
})  # fmt: skip
"""Names of folders that test programs recreate at little cost."""

CACHE_MARK = "CACHEDIR.TAG"
"""The entry that marks a folder as a cache (https://bford.info/cachedir), for example Cargo's `target`."""

CODE = (
    *(".c", ".cc", ".clj", ".cpp", ".cs", ".dart", ".erl", ".ex", ".exs", ".go", ".h", ".hpp", ".hs", ".java", ".jl"),
    *(".js", ".jsx", ".kt", ".lua", ".mjs", ".ml", ".php", ".pl", ".pm", ".py", ".r", ".rb", ".rs", ".scala", ".sh"),
    *(".swift", ".ts", ".tsx", ".vue"),
)
"""Endings of source files. A file such as `secrets.py` is visible although its name suggests secrets: often, the file
only handles secrets, and without the file, the tests of code that imports it could not run."""

BOM = b"\xef\xbb\xbf"


def view_of(root: Path, files: Mapping[str, str]) -> View:
    """Return the view of a project in which some files have another text.

    Files whose names suggest keys or passwords are hidden. Those inside dependencies are not: packages contain public
    certificates, for example, and nothing of the user.

    Args:
        root: the project folder.
        files: new text of files by their path in the project, with `/`. A byte order mark of the original is kept.
    """
    hidden: set[str] = set()
    dependencies: set[str] = set()
    caches: set[str] = set()
    for folder, names, found in os.walk(root):
        above = "" if folder == os.fspath(root) else Path(folder).relative_to(root).as_posix() + "/"
        hidden.update(above + each for each in found if is_secret_file(each) and not each.lower().endswith(CODE))
        entered = []
        for name in names:
            path = Path(folder, name)
            if path.is_symlink():
                if is_secret_folder(name):
                    hidden.add(above + name)
            elif _is_dependency(path):
                dependencies.add(above + name)
            elif is_secret_folder(name):
                hidden.add(above + name)
            elif name in CACHES or (path / CACHE_MARK).exists():
                caches.add(above + name)
            else:
                entered.append(name)
        names[:] = entered
    changed = {path: _encoded(root / path, text) for path, text in files.items()}
    return View(root, changed, frozenset(hidden), frozenset(dependencies), frozenset(caches))


def _is_dependency(path: Path) -> bool:
    """Return whether a folder contains code of other projects, or the version history of this project."""
    if any((path / each).exists() for each in ENVIRONMENT_MARKS):
        return True
    return refused_folder(path.name, lambda entry: (path / entry).exists()) in (
        Skipped.VENDORED,
        Skipped.VERSION_CONTROL,
    )


def _encoded(original: Path, text: str) -> bytes:
    """Return the text as the bytes of a file, with the byte order mark that the original has."""
    raw = text.encode("utf-8")
    try:
        with original.open("rb") as file:
            has_mark = file.read(len(BOM)) == BOM
    except OSError:
        has_mark = False
    return BOM + raw if has_mark and not raw.startswith(BOM) else raw
