"""`slm-lsp context FILE LINE:COL`: what the model would read there, and why."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.target import read_target

if TYPE_CHECKING:
    from slm_lsp.context.fim import Window
    from slm_lsp.context.retrieve import Retrieved

DESCRIPTION = """Prints the window of a completion at one place: pieces of other files, with their scores and the
reasons why they were chosen, then how much of the file itself is read. A completion leaves out the least important
pieces where the model would need more than a few seconds to read them all."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("context", parents=[common], help="show what is read for a completion, and why")
    parser.description = DESCRIPTION
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("position", metavar="LINE:COL", help="from 1, in characters")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the window."""
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
        note(args, f"{target.workspace} is not indexed yet: run `slm-lsp index {target.workspace}`")
    budgets = settings.completion
    found = retrieve(target.cursor, project, History(), budgets.snippet_tokens)
    shown = window(target.cursor, at_word(target.cursor).offset, budgets.prefix_tokens, budgets.suffix_tokens)
    if args.json:
        emit_json(_as_json(found, shown))
        return 0
    for line in _lines(found, shown):
        emit(line)
    return 0


def _as_json(found: "Retrieved", shown: "Window") -> dict[str, object]:
    from slm_lsp.context.fim import snippet_tokens

    snippets = [{**asdict(each), "tokens": round(snippet_tokens(each))} for each in found.snippets]
    for each in snippets:
        del each["version"]
    return {
        "snippets": snippets,
        "prefix": shown.prefix,
        "typed": shown.typed,
        "suffix": shown.suffix,
        "milliseconds": found.milliseconds,
        "late": found.late,
    }


def _lines(found: "Retrieved", shown: "Window") -> list[str]:
    from slm_lsp.context.fim import CHARACTERS_PER_TOKEN, snippet_tokens

    lines: list[str] = []
    for each in found.snippets:
        lines.append(f"{each.path}   {snippet_tokens(each):.0f} tokens, score {each.score:.4f}: {each.reason}")
        lines += [f"    {line}" for line in each.text.splitlines()]
    if not found.snippets:
        lines.append("nothing of other files")
    for name, text in (("before", shown.prefix + shown.typed), ("behind", shown.suffix)):
        lines.append(
            f"{name} the cursor: {text.count(chr(10)) + 1} lines, {len(text) / CHARACTERS_PER_TOKEN:.0f} tokens"
        )
    spent = ", ".join(f"{name} {each:.1f} ms" for name, each in found.milliseconds.items())
    late = f"; left out for want of time: {', '.join(found.late)}" if found.late else ""
    lines.append(f"signals: {spent}{late}")
    return lines
