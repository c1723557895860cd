"""`slm-lsp complete FILE LINE:COL`: prints one completion."""

import argparse
import asyncio
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.target import Target, read_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.config import Settings
    from slm_lsp.context.retrieve import Retrieved
    from slm_lsp.context.snippets import Snippet
    from slm_lsp.features.completion.complete import Completion
    from slm_lsp.index.project import Project
    from slm_lsp.routing.policy import Choice

DESCRIPTION = """Prints the completion at one position of a file. By default the best installed model that fits the free
memory answers, however long it takes. With `--model auto` the model is chosen by latency, as in an editor."""

MAX_ALTERNATIVES = 8
"""Maximum number of candidates that the engine decodes in one batch."""

SEPARATOR = "\n---\n"
"""Printed between two alternatives."""

CONTEXT_LINES = 4
"""Number of lines above and below the cursor that `--verbose` prints."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("complete", parents=[common], help="print a completion at one position of a file")
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp complete app.py 12:5"
    parser.add_argument("file", metavar="FILE", help="source file")
    parser.add_argument(
        "position", metavar="LINE:COL", help="line and column, both counted from 1; columns are characters"
    )
    parser.add_argument(
        "--alternatives",
        type=alternative_count,
        default=1,
        metavar="N",
        help="print up to N different suggestions, the best first, separated by a line `---` (1 to 8, default 1)",
    )
    parser.set_defaults(run=run)


def alternative_count(text: str) -> int:
    """Return the value of `--alternatives`, a whole number from 1 to `MAX_ALTERNATIVES`."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_ALTERNATIVES:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_ALTERNATIVES}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the text to insert at the cursor on standard output."""
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.config import load_settings
    from slm_lsp.index.project import open_project

    target = read_target(args.file, args.position, args.workspace)
    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    if args.model:
        settings = replace(settings, model=args.model)
    project = open_project(target.workspace)
    retrieved = _retrieve(args, target, project, settings)
    with stage_display(args) as display:
        choice, completion, snippets = asyncio.run(_complete(args, target, settings, project, retrieved, display))
    others = completion.others[: args.alternatives - 1]
    if args.json:
        report = _as_json(target, choice, completion)
        report["snippets"] = [each.path for each in snippets]
        if args.alternatives > 1:
            report["alternatives"] = [{"text": each.text, "confidence": each.confidence} for each in others]
        emit_json(report)
        return 0
    if args.verbose:
        _print_excerpt(target, completion)
        note(args, _snippets_line(target, snippets if retrieved else None))
    if completion.text:
        emit(SEPARATOR.join([completion.text, *(each.text for each in others)]))
    else:
        note(args, f"No suggestion: {completion.reason}")
    if args.verbose:
        note(args, _timing_line(choice, completion))
    return 0


def _retrieve(args: argparse.Namespace, target: Target, project: "Project", settings: "Settings") -> "Retrieved | None":
    """Return snippets of other files; None if the project has no index or its index cannot be used."""
    from slm_lsp.context.retrieve import retrieve
    from slm_lsp.context.signals import History
    from slm_lsp.errors import ProjectIndexError

    try:
        if project.reader:
            return retrieve(target.cursor, project, History(), settings.completion.snippet_tokens)
    except ProjectIndexError as error:
        note(args, f"{error}")
    return None


async def _complete(
    args: argparse.Namespace,
    target: Target,
    settings: "Settings",
    project: "Project",
    retrieved: "Retrieved | None",
    display: "StageDisplay",
) -> "tuple[Choice, Completion, Sequence[Snippet]]":
    """Return the model that answers, its completion, and the snippets in the prompt."""
    from slm_lsp.cli.stages import loading_stages
    from slm_lsp.context.anchor import at_word
    from slm_lsp.context.window import PromptParts, fitting, snippet_budget
    from slm_lsp.engine.client.connection import EngineClient
    from slm_lsp.features.completion.complete import Progress, complete
    from slm_lsp.features.completion.request import Trigger, completion_request, nothing_known
    from slm_lsp.routing.choose import best, choose
    from slm_lsp.routing.policy import AUTO

    on_loading = loading_stages(display)
    parts = PromptParts(target.cursor, at_word(target.cursor), tuple(retrieved.snippets) if retrieved else ())
    async with EngineClient() as engine:
        display.begin("starting the model process")
        if args.model:
            choice = await choose(parts, engine, settings, explicit=True)
        else:
            choice = await best(engine, settings)
        if args.model == AUTO:
            note(args, f"{choice.why} (without `--model auto` the best installed model answers)")
        display.begin(f"loading {choice.name}")
        info = await engine.describe(choice.model, explicit=True, on_loading=on_loading)
        snippets = fitting(parts.snippets, snippet_budget(info, settings.completion))
        request = completion_request(
            replace(parts, snippets=snippets),
            choice,
            settings,
            trigger=Trigger.EXPLICIT,
            alternatives=args.alternatives,
            is_known=project.reader.defines if project.reader else nothing_known,
        )
        progress = Progress(on_loading=on_loading, on_text=lambda _: display.end())
        completion = await complete(request, engine, progress)
        display.end()
        return choice, completion, snippets


def _as_json(target: Target, choice: "Choice", completion: "Completion") -> dict[str, object]:
    return {
        "text": completion.text,
        "range": {"start": _position(target, completion.start), "end": _position(target, completion.end)},
        "model": choice.name,
        "tier": choice.tier,
        "chosen": choice.why,
        "backend": completion.backend,
        "reason": completion.reason,
        "confidence": completion.confidence,
        "proven": completion.proven,
        "timing": asdict(completion.timing),
        "tokens": asdict(completion.tokens),
    }


def _position(target: Target, offset: int) -> dict[str, int]:
    from slm_lsp.text import Lines

    at = Lines(target.cursor.text).position(offset)
    return {"line": at.line + 1, "column": at.column + 1}


def _print_excerpt(target: Target, completion: "Completion") -> None:
    """Print the lines around the cursor with the suggestion in double brackets, visible without colours too."""
    from rich.console import Console
    from rich.text import Text

    from slm_lsp.text import Lines

    lines = Lines(target.cursor.text)
    at = lines.position(target.cursor.offset)
    console = Console(stderr=True, highlight=False)
    console.print(Text(f"{target.file}:{at.line + 1}:{at.column + 1}", style="bold"))
    first, last = max(0, at.line - CONTEXT_LINES), min(len(lines.starts), at.line + CONTEXT_LINES + 1)
    for number in range(first, last):
        row = Text(f"{number + 1:5d}  ", style="dim")
        line = lines.line(number)
        if number == at.line:
            row.append(line[: at.column], style="not dim")
            row.append(f"⟦{completion.text}⟧", style="not dim bold green")
            row.append(line[at.column :], style="not dim")
        else:
            row.append(line, style="not dim")
        console.print(row, soft_wrap=True)


def _snippets_line(target: Target, snippets: "Sequence[Snippet] | None") -> str:
    if snippets is None:
        return f"{target.workspace} has no index; run `slm-lsp index {target.workspace}` to use its other files"
    return f"snippets of other files: {', '.join(each.path for each in snippets) or 'none'}"


def _timing_line(choice: "Choice", completion: "Completion") -> str:
    timing, tokens = completion.timing, completion.tokens
    first = "no tokens" if timing.first_token_ms is None else f"first token after {timing.first_token_ms:.0f} ms"
    speed = f", {completion.tokens_per_second:.1f} tokens/s" if completion.tokens_per_second else ""
    return (
        f"{choice.name} on {completion.backend}: {first}{speed}; "
        f"{tokens.prompt} tokens in the prompt, {tokens.reused} of them reused"
    )
