"""Calls of functions in a process that may do nothing but compute."""

import asyncio
import sys
from pathlib import Path
from types import CodeType

import psutil
import pytest

from slm_lsp.sandbox.process import GUARD, Verdict, run_calls

PASSED, FAILED, UNFINISHED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.UNFINISHED, Verdict.UNKNOWN


def code(text: str) -> CodeType:
    return compile(text, "examples", "exec")


async def verdicts(*definitions: str, call: str = "f(2)", wanted: object = 4, modules: str = "") -> list[Verdict]:
    return await run_calls([code(each) for each in definitions], [(code(f"_found = {call}"), wanted)], modules.split())


async def test_every_definition_has_its_own_verdict() -> None:
    assert await verdicts(
        "def f(n): return n * 2",
        "def f(n): return n * 3",
        "def f(n): n * 2",
        "raise ValueError",
        "def f(n): return n ** 2",
    ) == [PASSED, FAILED, UNFINISHED, UNKNOWN, PASSED]


async def test_nothing_of_one_definition_is_left_for_the_next() -> None:
    assert await verdicts("def f(n): return 4\nkept = 4", "def f(n): return kept") == [PASSED, FAILED]


async def test_an_error_and_a_missing_name_are_failures() -> None:
    assert await verdicts("def f(n): return 1 / 0", "def f(n): return m") == [FAILED, FAILED]


async def test_a_function_that_returns_nothing_here_and_something_wrong_there_has_failed() -> None:
    calls = [(code("_found = f(1)"), 1), (code("_found = f(2)"), 2)]
    definitions = ["def f(n):\n if n == 2: return 3", "def f(n):\n if n == 2: return 2"]
    assert await run_calls([code(each) for each in definitions], calls) == [FAILED, UNFINISHED]


async def test_to_return_nothing_may_be_what_is_wanted() -> None:
    assert await verdicts("def f(n): pass", wanted=None) == [PASSED]


async def test_numbers_that_differ_by_rounding_are_the_same() -> None:
    assert await verdicts("def f(n): return 0.1 + 0.2", wanted=0.3) == [PASSED]
    assert await verdicts("def f(n): return float('nan')", wanted=0.3) == [FAILED]


async def test_modules_that_only_compute_can_be_imported() -> None:
    text = "import math\nfrom collections import Counter\nfrom typing import List\ndef f(n): return math.isqrt(16)"
    assert await verdicts(text, modules="math collections") == [PASSED]


async def test_what_does_not_stop_has_failed_and_the_next_one_runs() -> None:
    swallows = "def f(n):\n while True:\n  try:\n   while True: pass\n  except ValueError: pass"
    assert await verdicts("def f(n):\n while True: pass", swallows, "def f(n): return 4") == [FAILED, FAILED, PASSED]


async def test_what_cannot_be_stopped_is_ended_with_its_process() -> None:
    """No signal is heeded inside of one long sum."""
    assert await verdicts("def f(n): return 4", "def f(n): return sum(range(10 ** 12))", "def f(n): return 4") == [
        PASSED,
        FAILED,
        UNKNOWN,
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not hold processes to a limit of address space")
async def test_memory_is_limited() -> None:
    assert await verdicts("def f(n): return len(bytearray(2 * 1024**3)) and 4") == [FAILED]


async def test_nothing_is_printed_and_print_can_be_called() -> None:
    assert await verdicts("def f(n):\n print('p?f', n)\n return 4") == [PASSED]


@pytest.mark.parametrize(
    "harm",
    [
        "open({path!r}, 'w').write('x')",
        "open('/etc/passwd')",
        "__import__('os').remove({path!r})",
        "eval('1')",
        "compile('1', '', 'eval')",
        "input()",
        "(i for i in ()).gi_frame.f_back",
        "f.__globals__['__builtins__']['__import__']('os')",
        "f.__code__",
        "[each for each in ().__class__.__base__.__subclasses__() if each.__name__ == 'Popen']",
        "math.__loader__",
        "collections.namedtuple('A', 'a')(1)",
    ],
)
async def test_nothing_else_can_be_done_though_nobody_looked_at_the_code(tmp_path: Path, harm: str) -> None:
    """What `purity` would have refused gets nowhere either."""
    kept = tmp_path / "kept.txt"
    kept.write_text("as it was")
    text = f"import math, collections\ndef f(n):\n {harm.format(path=str(kept))}\n return 4"
    found = await verdicts(text, "def f(n): return 4", modules="math collections")
    assert found[1] is PASSED
    assert found[0] is not PASSED or "__subclasses__" in harm
    assert kept.read_text() == "as it was"


async def test_cancelling_ends_the_process() -> None:
    running = asyncio.create_task(verdicts("def f(n): return sum(range(10 ** 12))"))
    for _ in range(500):
        if children := [each for each in psutil.Process().children() if str(GUARD) in each.cmdline()]:
            break
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(each.is_running() for each in children)
