"""`slm-lsp stop`: stops the model process of this installation."""

import argparse

from slm_lsp.cli.output import emit, emit_json, note

DESCRIPTION = """Stops the model process of this installation and waits until it has exited. This process holds the
models in memory. Running requests fail; the next request of an editor or a command starts a new process."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("stop", parents=[common], help="stop the model process", description=DESCRIPTION)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stop every engine of this installation. Return 0, even if no engine is running."""
    from slm_lsp.engine.client.ending import end, running
    from slm_lsp.platform.runtime_dir import runtime_dir

    folder = runtime_dir()
    found = running(folder)
    stopped = [(each.pid, end(folder, each)) for each in found if each.ours]
    others = [each for each in found if not each.ours]
    if args.json:
        emit_json(
            {
                "stopped": [{"pid": pid, "killed": killed} for pid, killed in stopped],
                "others": [{"pid": each.pid, "executable": each.executable} for each in others],
            }
        )
        return 0
    for pid, killed in stopped:
        emit(f"process {pid}: " + ("killed, because it did not stop by itself" if killed else "stopped"))
    if not stopped:
        emit("No model process of this installation is running.")
    for each in others:
        note(
            args,
            f"Process {each.pid} belongs to another installation ({each.executable}). "
            "To stop it, run `slm-lsp stop` of that installation.",
        )
    return 0
