"""A suggestion of the fast model is refined by the strong one in the next pause.

The tiers are a random model of a few kilobytes, which answers at once, and the real fast model in the place of the strong
one: that takes longer, and knows better.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.engine.client import EngineClient
from slm_lsp.features.cache import Cache
from slm_lsp.features.completion import Completion, Timing, Tokens
from slm_lsp.features.statistics import Statistics
from slm_lsp.models.catalogue import load_catalogue
from slm_lsp.models.files import Stamp
from slm_lsp.models.records import Record
from slm_lsp.models.store import Store
from slm_lsp.server.documents import Documents
from slm_lsp.server.projects import Projects
from slm_lsp.server.refining import Refining, Spot
from slm_lsp.server.stream import WANTS_REFINED, Stream
from slm_lsp.server.tally import Tally
from tests.engine.test_process import until_idle
from tests.server.conftest import Editor, Start
from tests.server.test_suggestions import environ, first

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

PLACE = (3, 11)
ANSWER = "fib(n-1)+fib(n-2)"


@pytest.fixture
def tiers(tmp_path: Path, tiny_model: Path, fast_model: Path) -> Path:
    """A store in which a random model is the fast tier, and the real fast model the strong one."""
    root = tmp_path / "models"
    root.mkdir()
    store = Store(root)
    for tier, file in (("fast", tiny_model), ("strong", fast_model)):
        entry = load_catalogue().find(tier)
        path = store.records.path_of(entry.sha256)
        if tier == "fast":
            shutil.copy(file, path)
        else:
            path.hardlink_to(file) if file.stat().st_dev == root.stat().st_dev else shutil.copy(file, path)
        stamp = Stamp.of(path)
        store.records.write(Record(entry.name, stamp.bytes, entry.sha256, "added", 0.0, stamp))
    return root
