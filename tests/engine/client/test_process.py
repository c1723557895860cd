"""Clients and real engine processes on the tiny model."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from slm_lsp.engine.api import Done, Event, Generate, ModelRef, Priority, Segment, Started, Token
from slm_lsp.engine.client import connection as client_module
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.engine.paths import busy_path, log_path, socket_path
from slm_lsp.errors import EngineLostError, EngineUnavailableError, ModelCorruptError, ModelRefusedError
from slm_lsp.platform import priority
from slm_lsp.platform.runtime_dir import runtime_dir
from tests.conftest import engines

PROMPT = "def area(width, height):\n    return"


def request(model: Path, tokens: int = 8, text: str = PROMPT, *, explicit: bool = False) -> Generate:
    return Generate(ModelRef.of(model), (Segment(text),), tokens, explicit=explicit, priority=Priority.INTERACTIVE)


async def answer(client: EngineClient, wanted: Generate) -> list[Event]:
    return [event async for event in client.generate(wanted)]


async def answer_and_kill(client: EngineClient, wanted: Generate, home: dict[str, str]) -> None:
    """Kill the engine as soon as it has started the request."""
    async for event in client.generate(wanted):
        if isinstance(event, Started):
            os.kill(engines(home)[0].pid, signal.SIGKILL)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timeout"
        await asyncio.sleep(0.05)


async def until_idle(client: EngineClient, seconds: float = 60) -> None:
    """Wait until the engine has no requests."""
    deadline = time.monotonic() + seconds
    while ((stats := await client.stats()).running, stats.queued) != (0, 0):
        assert time.monotonic() < deadline, "the engine still has requests"
        await asyncio.sleep(0.05)


async def test_first_request_starts_an_engine(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        assert not await client.running()
        assert engines(home) == []
        events = await answer(client, request(tiny_model))
        assert isinstance(events[-1], Done)
        assert await client.running()
    assert len(engines(home)) == 1


async def test_simultaneous_clients_share_one_engine(home: dict[str, str], tiny_model: Path) -> None:
    clients = [EngineClient(home) for _ in range(5)]
    answers = await asyncio.gather(*(answer(client, request(tiny_model)) for client in clients))
    assert len({text_of(events) for events in answers}) == 1
    assert len(engines(home)) == 1
    stats = await clients[0].stats()
    assert stats.clients == 5
    assert len(stats.loaded) == 1
    for client in clients:
        await client.close()


async def test_only_this_user_can_access_the_socket_and_its_folder(home: dict[str, str]) -> None:
    async with EngineClient(home) as client:
        await client.stats()
        folder = runtime_dir(home)
        assert socket_path(folder).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700


async def test_killed_engine_fails_only_the_running_request(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        expected = text_of(await answer(client, request(tiny_model)))
        first = (await client.stats()).pid
        events = client.generate(request(tiny_model, tokens=1500))
        async for event in events:
            if isinstance(event, Token):
                break
        os.kill(first, signal.SIGKILL)
        with pytest.raises(EngineLostError, match="ended while the request was running"):
            async for _ in events:
                pass
        assert text_of(await answer(client, request(tiny_model))) == expected
        assert (await client.stats()).pid != first


async def test_killed_idle_engine_is_replaced_without_an_error(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
        process = psutil.Process((await client.stats()).pid)
        process.kill()
        process.wait(10)
        await until(lambda: client._writer is None)
        assert isinstance((await answer(client, request(tiny_model)))[-1], Done)


async def test_model_is_refused_after_two_crashes_until_an_explicit_request(
    home: dict[str, str], tiny_model: Path
) -> None:
    async with EngineClient(home) as client:
        for _ in range(2):
            with pytest.raises(EngineLostError):
                await answer_and_kill(client, request(tiny_model, tokens=1500), home)
        with pytest.raises(ModelRefusedError, match="crashed 2 times"):
            await answer(client, request(tiny_model))
        assert isinstance((await answer(client, request(tiny_model, explicit=True)))[-1], Done)


async def test_closing_the_generator_early_cancels_the_request(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        async for event in client.generate(request(tiny_model, tokens=1500)):
            if isinstance(event, Token):
                break
        await until_idle(client)


async def test_disconnecting_cancels_the_clients_requests(home: dict[str, str], tiny_model: Path) -> None:
    watcher, leaver = EngineClient(home), EngineClient(home)
    async for event in leaver.generate(request(tiny_model, tokens=1500)):
        if isinstance(event, Token):
            assert (await watcher.stats()).running == 1
            await leaver.close()
            break
    await until_idle(watcher)
    assert (await watcher.stats()).clients == 1
    await watcher.close()


async def test_client_that_stops_reading_is_disconnected(home: dict[str, str], tiny_model: Path) -> None:
    """The client's requests end, and other clients are not affected."""
    from slm_lsp.engine.wire import frame

    async with EngineClient(home) as client:
        await client.stats()
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(str(socket_path(runtime_dir(home))))
        for number in range(400):
            message = Generate(ModelRef.of(tiny_model), (Segment("x"),), 1000, priority=Priority.BULK, id=number)
            deaf.sendall(frame(message))
        assert isinstance((await answer(client, request(tiny_model)))[-1], Done)
        for _ in range(1000):
            if (await client.stats()).clients == 1:
                break
            await asyncio.sleep(0.05)
        assert (await client.stats()).clients == 1
        deaf.close()


async def test_invalid_request_closes_only_that_connection(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await client.stats()
        path = socket_path(runtime_dir(home))
        for raw in (b"\0\0\0\3abc", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff"):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(raw)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        assert isinstance((await answer(client, request(tiny_model)))[-1], Done)


async def test_engine_without_clients_and_models_exits(home: dict[str, str], tiny_model: Path) -> None:
    home["SLM_LSP_ENGINE_IDLE_MINUTES"] = "0.002"
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
    await until(lambda: engines(home) == [], seconds=40)
    assert not socket_path(runtime_dir(home)).exists()


async def test_terminated_engine_removes_its_files(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
        (process,) = engines(home)
        process.terminate()
        process.wait(20)
        folder = runtime_dir(home)
        assert not socket_path(folder).exists()
        assert not busy_path(folder).exists()


async def test_error_of_an_engine_that_cannot_start_names_its_log(home: dict[str, str]) -> None:
    home["PYTHONHOME"] = "/nowhere"
    async with EngineClient(home) as client:
        with pytest.raises(EngineUnavailableError, match=r"does not start.*engine\.log"):
            await client.stats()
    assert log_path(runtime_dir(home)).read_text() != ""


async def test_error_for_a_broken_model_names_the_file(home: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 64)
    async with EngineClient(home) as client:
        with pytest.raises(ModelCorruptError, match=r"broken\.gguf cannot be loaded"):
            await answer(client, request(path))


async def test_description_is_cached_by_the_client(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        for _ in range(2):
            infos = [await client.describe(ModelRef.of(tiny_model))]
            assert infos[0].fim is not None
        assert (await client.stats()).served == 1


async def test_exiting_engine_causes_no_error_for_the_next_client(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
    (leaving,) = engines(home)
    socket_path(runtime_dir(home)).unlink()
    leaving.terminate()
    async with EngineClient(home) as client:
        assert isinstance((await answer(client, request(tiny_model)))[-1], Done)


async def test_engine_creates_a_deleted_socket_again(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
        path = socket_path(runtime_dir(home))
        path.unlink()
        await until(path.exists)
        async with EngineClient(home) as other:
            assert (await other.stats()).pid == (await client.stats()).pid


async def test_engine_that_does_not_answer_is_reported(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        await client.stats()
        (process,) = engines(home)
        process.suspend()
        with pytest.raises(EngineUnavailableError, match="does not answer"):
            await client.stats()
        process.resume()


async def test_request_fails_if_the_engine_hangs(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SILENCE_S", 0.2)
    monkeypatch.setattr(client_module, "STATS_TIMEOUT_S", 0.5)
    async with EngineClient(home) as client:
        await answer(client, request(tiny_model))
        (engine,) = engines(home)
        engine.suspend()
        with pytest.raises(EngineUnavailableError, match="does not answer"):
            await answer(client, request(tiny_model))
        engine.resume()
        assert text_of(await answer(client, request(tiny_model)))


async def test_request_waits_for_a_busy_engine(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SILENCE_S", 0.001)
    async with EngineClient(home) as client:
        assert text_of(await answer(client, request(tiny_model, tokens=64)))


async def test_engine_has_low_priority_and_its_threads_do_not_spin_while_waiting(
    home: dict[str, str], tiny_model: Path
) -> None:
    async with EngineClient({**home, "OMP_DISPLAY_ENV": "VERBOSE"}) as client:
        await answer(client, request(tiny_model))
        (process,) = engines(home)
        assert process.nice() >= priority.NICE
        shown = log_path(runtime_dir(home)).read_text()
        assert f"GOMP_SPINCOUNT = '{priority.SPIN}'" in shown, "the OpenMP library ignored the setting"
