"""An editor's `engine` settings are applied to the shared engine, even if another client started it."""

import asyncio
from pathlib import Path

import psutil

from slm_lsp.config import EngineSettings, engine_environment, load_settings
from slm_lsp.engine.api import Done, Started
from slm_lsp.engine.client.adjust import adjust, start_with
from slm_lsp.engine.client.connection import EngineClient
from tests.conftest import engines
from tests.engine.client.test_process import answer, request

ONE_THREAD = EngineSettings(threads=1, idle_minutes=0.5)


def test_environment_variables_carry_the_settings() -> None:
    assert load_settings(environ=engine_environment(ONE_THREAD)).engine == ONE_THREAD


async def test_engine_starts_with_the_given_settings(home: dict[str, str]) -> None:
    async with EngineClient(home) as client:
        start_with(client, ONE_THREAD)
        await adjust(client, ONE_THREAD)
        assert engines(home) == []
        assert (await client.stats()).settings == ONE_THREAD


async def test_idle_engine_with_other_settings_is_replaced(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as other, EngineClient(home) as client:
        await answer(other, request(tiny_model))
        (first,) = engines(home)
        start_with(client, ONE_THREAD)
        await adjust(client, ONE_THREAD)
        await asyncio.to_thread(psutil.wait_procs, [first], 20)
        assert isinstance((await answer(client, request(tiny_model)))[-1], Done)
        assert (await client.stats()).settings == ONE_THREAD
        assert isinstance((await answer(other, request(tiny_model)))[-1], Done)  # also works for other clients
        (second,) = engines(home)
        await adjust(client, ONE_THREAD)
        assert engines(home) == [second]


async def test_changed_settings_do_not_interrupt_a_request(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as other, EngineClient(home) as client:
        events = other.generate(request(tiny_model, 200))
        while not isinstance(await anext(events), Started):
            pass
        adjusting = asyncio.create_task(adjust(client, ONE_THREAD))
        assert isinstance([event async for event in events][-1], Done)
        (first,) = engines(home)
        await adjusting
        assert await asyncio.to_thread(psutil.wait_procs, [first], 20) == ([first], [])
