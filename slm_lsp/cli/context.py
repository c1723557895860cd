"""`slm-lsp context FILE LINE:COL`: prints the code that the model reads for a completion at a position, and why."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.target import read_target

if TYPE_CHECKING:
    from slm_lsp.context.fim import Window
    from slm_lsp.context.retrieve import Retrieved

DESCRIPTION = """Prints what the prompt of a completion at one position contains: snippets of other files, each with its
score and the reason why it was chosen, and the amount of text of the file itself. A completion leaves out the least
useful snippets if the model would need more than a few seconds to read all of them."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "context", parents=[common], help="show which code the model reads for a completion, and why"
    )
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp context app.py 12:5"
    parser.add_argument("file", metavar="FILE", help="source file")
    parser.add_argument(
        "position", metavar="LINE:COL", help="line and column, both counted from 1; columns are characters"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the snippets and the size of the window."""
    from slm_lsp.config import load_settings
    from slm_lsp.context.anchor import at_word
    from slm_lsp.context.fim import window
    from slm_lsp.context.retrieve import retrieve
    from slm_lsp.context.signals import History
    from slm_lsp.index.project import open_project

    target = read_target(args.file, args.position, args.workspace)
    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    project = open_project(target.workspace)
    if project.reader is None:
        note(args, f"{target.workspace} has no index; run `slm-lsp index {target.workspace}` to use its other files")
    budgets = settings.completion
    retrieved = retrieve(target.cursor, project, History(), budgets.snippet_tokens)
    visible = window(target.cursor, at_word(target.cursor).offset, budgets.prefix_tokens, budgets.suffix_tokens)
    if args.json:
        emit_json(_as_json(retrieved, visible))
        return 0
    for line in _lines(retrieved, visible):
        emit(line)
    return 0


def _as_json(retrieved: "Retrieved", visible: "Window") -> dict[str, object]:
    from slm_lsp.context.fim import snippet_tokens

    snippets = [{**asdict(each), "tokens": round(snippet_tokens(each))} for each in retrieved.snippets]
    for each in snippets:
        del each["version"]
    return {
        "snippets": snippets,
        "prefix": visible.prefix,
        "typed": visible.typed,
        "suffix": visible.suffix,
        "milliseconds": retrieved.milliseconds,
        "late": retrieved.late,
    }


def _lines(retrieved: "Retrieved", visible: "Window") -> list[str]:
    from slm_lsp.context.fim import CHARACTERS_PER_TOKEN, snippet_tokens

    lines: list[str] = []
    for each in retrieved.snippets:
        lines.append(f"{each.path}   {snippet_tokens(each):.0f} tokens, score {each.score:.4f}: {each.reason}")
        lines += [f"    {line}" for line in each.text.splitlines()]
    if not retrieved.snippets:
        lines.append("no snippets of other files")
    for side, text in (("before", visible.prefix + visible.typed), ("after", visible.suffix)):
        lines.append(
            f"{side} the cursor: {text.count(chr(10)) + 1} lines, {len(text) / CHARACTERS_PER_TOKEN:.0f} tokens"
        )
    spent = ", ".join(f"{name} {each:.1f} ms" for name, each in retrieved.milliseconds.items())
    late = f"; skipped by the time limit: {', '.join(retrieved.late)}" if retrieved.late else ""
    lines.append(f"signals: {spent}{late}")
    return lines
