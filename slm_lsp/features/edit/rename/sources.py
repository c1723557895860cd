"""The texts of a project's files for a renaming: open documents first, otherwise the files on disk."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

from tree_sitter import Tree

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.index.names import Skipped
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.index.walk import Rules, read_source, walk
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.text import Lines

Built = TypeVar("Built")

NEVER_SEARCHED = frozenset({Skipped.SECRET, Skipped.BINARY, Skipped.NOT_TEXT, Skipped.VANISHED})
"""Reasons for not reading a file for which `unsearched` does not search the file either."""


class Sources:
    """Reads the files of a project that are neither ignored nor secret. A file is read at most once.

    Args:
        root: the project's folder.
        opened: texts of the open documents, by their path in the project.
        paths: paths of all files. By default, the folder is searched for them.
    """

    def __init__(self, root: Path, opened: Mapping[str, str], paths: tuple[str, ...] | None = None) -> None:
        self.root = root
        self._opened = dict(opened)
        self._paths = paths
        self._texts: dict[str, str | None] = {}
        self._trees: dict[str, tuple[Language, Tree, bytes] | None] = {}
        self._built: dict[str, object] = {}
        self.unread: dict[str, Skipped] = {}
        """Files that exist but are not read because of their content, with the reason."""

    @cached_property
    def files(self) -> ProjectFiles:
        """The paths of all files. Symbolic links are not included, because their targets are."""
        return ProjectFiles.of(self._all)

    @cached_property
    def _all(self) -> tuple[str, ...]:
        if self._paths is not None:
            return self._paths
        rules = Rules(self.root)
        found = [each.path for each in walk(self.root, rules) if not isinstance(each, tuple)]
        found = [path for path in found if not os.path.islink(self.root / path)]  # noqa: PTH114
        return tuple(dict.fromkeys([*found, *(path for path in self._opened if rules.refuses(path) is None)]))

    def text(self, path: str) -> str | None:
        """Return the text of a file, without a byte order mark; None if it is not read."""
        if path in self._opened:
            return self._opened[path]
        if path not in self._texts:
            raw = read_source(self.root, path)
            if isinstance(raw, Skipped):
                self.unread[path] = raw
                self._texts[path] = None
            else:
                self._texts[path] = raw.decode("utf-8-sig")
        return self._texts[path]

    def containing(self, words: Iterable[str], languages: frozenset[str]) -> list[str]:
        """Return the files of some languages that contain one of these words, in the order of the search."""
        pattern = word_pattern(words)
        found = []
        for path in self.files:
            language = language_of(path)
            if language is not None and language.name in languages:
                text = self.text(path)
                if text is not None and pattern.search(text):
                    found.append(path)
        return found

    def unsearched(self, word: str, languages: frozenset[str]) -> dict[str, str]:
        """Return the files that contain a word but are not read because of their content, each with the reason."""
        pattern, found = word_pattern([word]), {}
        for path, reason in self.unread.items():
            language = language_of(path)
            if reason in NEVER_SEARCHED or language is None or language.name not in languages:
                continue
            try:
                raw = (self.root / path).read_bytes()
            except OSError:
                continue
            if pattern.search(raw.decode("utf-8", errors="replace")):
                found[path] = reason.why
        return found

    def tree(self, path: str) -> tuple[Language, Tree, bytes] | None:
        """Parse a file. Return None if it has no grammar, is not read, or takes too long to parse."""
        if path not in self._trees:
            self._trees[path] = self._parsed(path)
        return self._trees[path]

    def built(self, path: str, languages: frozenset[str], build: Callable[[str, Tree, bytes], Built]) -> Built | None:
        """Return the result of `build` for a file, which is computed once; None for other languages or without a tree.

        Args:
            path: path of the file.
            languages: names of languages. All calls for one of their files must have the same `build`.
            build: gets the path, the syntax tree and the text.
        """
        if path not in self._built:
            parsed = self.tree(path)
            known = parsed is not None and parsed[0].name in languages
            self._built[path] = build(path, *parsed[1:]) if parsed is not None and known else None
        return cast("Built | None", self._built[path])

    def _parsed(self, path: str) -> tuple[Language, Tree, bytes] | None:
        text = self.text(path)
        language = None if text is None else language_of(path, text.partition("\n")[0])
        if text is None or language is None:
            return None
        source = text.encode("utf-8", errors="surrogatepass")
        try:
            tree = parse(language, source)
        except ParseTimeoutError:
            return None
        return None if tree is None else (language, tree, source)

    def changed(self, texts: Mapping[str, str]) -> "Sources":
        """Return the same project with new texts of some files."""
        after = Sources(self.root, {**self._opened, **texts}, self._all)
        after._texts = dict(self._texts)
        after._trees = {path: tree for path, tree in self._trees.items() if path not in texts}
        after._built = {path: found for path, found in self._built.items() if path not in texts}
        return after


def word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches each of these words, but not as a part of a longer word."""
    return re.compile(rf"(?<![\w$])(?:{'|'.join(re.escape(each) for each in words)})(?![\w$])")


def place_of(sources: Sources, path: str, start: int) -> str:
    """Return `path:line` of a byte offset."""
    source = (sources.text(path) or "").encode("utf-8", "surrogatepass")
    return f"{path}:{Lines(source[:start].decode('utf-8', 'replace')).position(start).line + 1}"
