"""Writes the server's settings into the extension: `slm_lsp/config.py` is the one place where they are described.

    python editors/vscode/scripts/settings.py            # write package.json and src/settings.generated.ts
    python editors/vscode/scripts/settings.py --check    # exit code 1 if they are out of date

A field becomes a setting: its name in camelCase, its type as JSON schema, the string below it as description.
"""

import ast
import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from slm_lsp import config

FOLDER = Path(__file__).resolve().parent.parent
PACKAGE = FOLDER / "package.json"
GENERATED = FOLDER / "src" / "settings.generated.ts"
PREFIX = "slm"
OWN_SECTIONS = 1
"""The first section of package.json is the extension's own; the others are written here."""

MACHINE = "machine"  # only the user's own settings, never a workspace's
WINDOW = "window"

TYPESCRIPT = """/** Written by scripts/settings.py from slm_lsp/config.py; do not edit. */

/** The settings of the server: the key in the editor, and the way to it in the server's tree. */
export const SERVER_SETTINGS: readonly (readonly [string, readonly string[]])[] = [
%s];
"""


@dataclass(frozen=True)
class Setting:
    """One leaf of the tree."""

    path: tuple[str, ...]
    kind: Any
    default: object
    sentence: str

    @property
    def key(self) -> str:
        """Its name in the editor: `slm.completion.maxTokens`."""
        return ".".join((PREFIX, *(camel(part) for part in self.path)))

    def schema(self) -> dict[str, object]:
        """Its entry in package.json. A path's default depends on the machine and is left out."""
        entry: dict[str, object] = {"type": "string"} if self.kind is Path else msgspec.json.schema(self.kind)
        if "enum" in entry:
            entry = {"type": "string", **entry, "enum": enumerated(self.kind)}
        if not isinstance(self.default, Path):
            entry["default"] = msgspec.to_builtins(self.default)
        elif self.kind is Path:
            entry["default"] = ""
        entry["scope"] = MACHINE if self.path[0] in config.USER_ONLY else WINDOW
        entry["markdownDescription"] = self.sentence
        return entry


def settings(group: Any = config.Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every setting of a group, in the order of the file."""
    hints = get_type_hints(group, include_extras=True)
    sentences = descriptions(group)
    for each in dataclasses.fields(group):
        if each.name == "problems":  # what was wrong in the sources; nobody sets it
            continue
        kind, where = hints[each.name], (*path, each.name)
        if dataclasses.is_dataclass(kind):
            yield from settings(kind, where)
        else:
            made = each.default_factory
            default = each.default if made is dataclasses.MISSING else made()
            if each.name not in sentences:
                raise SystemExit(
                    f"slm_lsp/config.py: `{'.'.join(where)}` has no sentence below it that says what it is."
                )
            yield Setting(where, kind, default, sentences[each.name])


def descriptions(group: type) -> dict[str, str]:
    """The strings that stand below fields, on one line each."""
    (body,) = ast.parse(inspect.getsource(group)).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - for the type checker
    found = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


def enumerated(kind: Any) -> list[object]:
    """The values of a Literal in the order in which they were written; msgspec sorts them."""
    return list(kind.__args__)


def camel(name: str) -> str:
    """`max_tokens` as editors spell it: `maxTokens`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def sections(found: list[Setting]) -> list[dict[str, object]]:
    """A section of the settings page for each group."""
    titles: dict[str, dict[str, object]] = {}
    for each in found:
        title = each.path[0].capitalize() if len(each.path) > 1 else "Model"
        titles.setdefault(title, {})[each.key] = each.schema()
    return [{"title": title, "properties": properties} for title, properties in titles.items()]


def package(found: list[Setting], text: str) -> str:
    """package.json with the settings as they are now."""
    tree = json.loads(text)
    contributes = tree["contributes"]
    contributes["configuration"] = contributes["configuration"][:OWN_SECTIONS] + sections(found)
    restricted = [each.key for each in found if each.path == ("model",)]
    own = tree["capabilities"]["untrustedWorkspaces"]
    own["restrictedConfigurations"] = restricted  # a model may be a file: only a workspace that is trusted names one
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def typescript(found: list[Setting]) -> str:
    """The list of keys that are sent to the server."""
    rows = "".join(f"  [{json.dumps(each.key)}, {json.dumps(list(each.path))}],\n" for each in found)
    return TYPESCRIPT % rows


def main(arguments: list[str]) -> int:
    """Write, or say what is out of date."""
    found = list(settings())
    wanted = {PACKAGE: package(found, PACKAGE.read_text()), GENERATED: typescript(found)}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path.name} is out of date: run python editors/vscode/scripts/settings.py\n")
        else:
            path.write_text(wanted[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
