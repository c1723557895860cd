"""`slm-lsp complete FILE LINE:COL`: one completion, with its figures."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from slm_lsp.cli.output import emit, emit_json, note, progress_console
from slm_lsp.cli.target import Target, read_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slm_lsp.context.retrieve import Retrieved
    from slm_lsp.engine.router import Choice
    from slm_lsp.features.completion import Completion

MOST_ALTERNATIVES = 8
"""What is decoded together."""

BETWEEN = "\n---\n"
"""Between alternatives."""

LINES_SHOWN = 4
"""Lines above and below the cursor with --verbose."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("complete", parents=[common], help="complete the code at one place of a file")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("position", metavar="LINE:COL", help="from 1, in characters")
    parser.add_argument(
        "--alternatives",
        type=counted,
        default=1,
        metavar="N",
        help="other texts for the same place too, up to 8 in all",
    )
    parser.set_defaults(run=run)


def counted(text: str) -> int:
    """How many texts are wanted, from 1 to 8."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ALTERNATIVES:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_ALTERNATIVES}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the suggestion; what is inserted at the place goes to standard output."""
    from slm_lsp.config import load_settings
    from slm_lsp.context.anchor import at_word
    from slm_lsp.context.retrieve import retrieve
    from slm_lsp.context.signals import History
    from slm_lsp.engine.client import EngineClient
    from slm_lsp.errors import ProjectIndexError
    from slm_lsp.features.completion import Following, complete
    from slm_lsp.features.routing import choose
    from slm_lsp.index.project import open_project

    target = read_target(args.file, args.position, args.workspace)
    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    if args.model:
        settings = replace(settings, model=args.model)

    project = open_project(target.workspace)
    found = None
    try:
        if project.reader:
            found = retrieve(target.place, project, History(), settings.completion.snippet_tokens)
    except ProjectIndexError as error:
        note(args, f"{error}")
    snippets = found.snippets if found else ()

    async def ask(on_loading: Callable[[float], None]) -> "tuple[Choice, Completion]":
        async with EngineClient() as engine:
            anchor = at_word(target.place)
            choice = await choose(target.place, anchor, engine, settings, snippets=snippets, asked=True)
            completion = await complete(
                target.place,
                choice.path,
                engine,
                settings.completion,
                snippets=snippets,
                anchor=anchor,
                asked=True,
                alternatives=args.alternatives,
                best_of_several=choice.tier != "fast",
                run_examples=settings.run_examples,
                is_known=project.reader.defines if project.reader else lambda _: False,
                following=Following(on_loading=on_loading),
            )
            return choice, completion

    with _progress(args) as on_loading:
        choice, completion = asyncio.run(ask(on_loading))
    if args.json:
        emit_json({**_as_json(target, choice, completion), "snippets": [each.path for each in snippets]})
    else:
        if args.verbose:
            _show(args, target, completion)
            note(args, _read(target, found))
        if completion.text:
            emit(BETWEEN.join([completion.text, *(each.text for each in completion.others)]))
        else:
            note(args, f"nothing to suggest: {completion.reason}")
        if args.verbose:
            note(args, _figures(choice, completion))
    return 0


@contextmanager
def _progress(args: argparse.Namespace) -> "Iterator[Callable[[float], None]]":
    """Shows on a terminal how far the model is loaded, then that the prompt is being read."""
    console = None if args.quiet else progress_console()
    if console is None:
        yield lambda _: None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting the engine", total=None)

        def update(fraction: float) -> None:
            if fraction < 1:
                bar.update(task, description="loading the model", total=1.0, completed=fraction)
            else:
                bar.update(task, description="reading the prompt", total=None)

        yield update


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
        "alternatives": [{"text": each.text, "confidence": each.confidence} for each in completion.others],
    }


def _position(target: Target, offset: int) -> dict[str, int]:
    from slm_lsp.text import Lines

    at = Lines(target.place.text).position(offset)
    return {"line": at.line + 1, "column": at.column + 1}


def _show(args: argparse.Namespace, target: Target, completion: "Completion") -> None:
    """The lines round the cursor with the suggestion in them, marked so that it is seen without colours too."""
    from rich.console import Console
    from rich.text import Text

    from slm_lsp.text import Lines

    lines = Lines(target.place.text)
    at = lines.position(target.place.offset)
    console = Console(stderr=True, highlight=False)
    console.print(Text(f"{target.file}:{at.line + 1}:{at.column + 1}", style="bold"))
    first, last = max(0, at.line - LINES_SHOWN), min(len(lines.starts), at.line + LINES_SHOWN + 1)
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


def _read(target: Target, found: "Retrieved | None") -> str:
    if found is None:
        return f"{target.workspace} is not indexed: run `slm-lsp index {target.workspace}` to have other files read"
    return f"read of other files: {', '.join(each.path for each in found.snippets) or 'nothing'}"


def _figures(choice: "Choice", completion: "Completion") -> str:
    timing, tokens = completion.timing, completion.tokens
    first = "no token" if timing.first_token_ms is None else f"first token after {timing.first_token_ms:.0f} ms"
    speed = f", {completion.tokens_per_second:.1f} tokens/s" if completion.tokens_per_second else ""
    return (
        f"{choice.name} on {completion.backend}: {first}{speed}; "
        f"{tokens.prompt} tokens in the prompt, {tokens.reused} of them reused"
    )
