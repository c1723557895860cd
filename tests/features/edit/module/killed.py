"""Runs a plan with slow scripted answers and writes the result; `test_killed.py` kills this process at any moment.

Arguments: the file, the journal, and a log to which the code of each request is appended.
"""

import asyncio
import json
import sys
from contextlib import closing
from pathlib import Path

from slm_lsp.engine.api import Generate, ModelRef
from slm_lsp.features.edit.files import read_version, write_version
from slm_lsp.features.edit.module.execute import ModuleJob, run_plan
from slm_lsp.features.edit.module.journal import Journal, run_key
from slm_lsp.features.edit.module.plan import plan_module
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import languages
from tests.features.edit.module.scripted import Rewriter, documented

ANSWER_S = 0.1


class Logged(Rewriter):
    """Writes the first line of each request to a log, and answers after `ANSWER_S`."""

    def __init__(self, log: Path) -> None:
        super().__init__(documented)
        self.log = log

    async def before_answer(self, request: Generate) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(request.draft.splitlines()[0]) + "\n")
        await asyncio.sleep(ANSWER_S)


def main(file: Path, database: Path, log: Path) -> None:
    version = read_version(file)
    python = languages()["python"]
    plan = plan_module(version.text, python, "add docstrings")
    job = ModuleJob(Project(None), file.name, version.text, python, plan, ModelRef("/m.gguf"), "auto")
    with closing(Journal(database, run_key(file, plan))) as journal:
        result = asyncio.run(run_plan(job, Logged(log), journal))
        write_version(version, result.text)
        journal.clear()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
