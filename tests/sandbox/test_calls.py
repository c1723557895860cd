"""The process that calls functions which may only compute."""

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from slm_lsp.sandbox.process import ROOT, START, Verdict, run_calls
from tests.conftest import needs_wall

pytestmark = needs_wall

PASSED, FAILED, UNFINISHED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.UNFINISHED, Verdict.UNKNOWN


async def verdicts(*definitions: str, call: str = "f(2)", wanted: object = 4, modules: str = "") -> list[Verdict]:
    return await run_calls(definitions, [(call, wanted)], modules.split())


async def test_every_definition_has_its_own_verdict() -> None:
    assert await verdicts(
        "def f(n): return n * 2",
        "def f(n): return n * 3",
        "def f(n): n * 2",
        "raise ValueError",
        "def f(n): return n ** 2",
    ) == [PASSED, FAILED, UNFINISHED, UNKNOWN, PASSED]


async def test_definitions_cannot_use_names_of_other_definitions() -> None:
    assert await verdicts("def f(n): return 4\nkept = 4", "def f(n): return kept") == [PASSED, FAILED]


async def test_definition_that_raises_an_error_or_uses_an_undefined_name_fails() -> None:
    assert await verdicts("def f(n): return 1 / 0", "def f(n): return m") == [FAILED, FAILED]


async def test_function_that_returns_none_once_and_a_wrong_value_once_fails() -> None:
    calls = [("f(1)", 1), ("f(2)", 2)]
    definitions = ["def f(n):\n if n == 2: return 3", "def f(n):\n if n == 2: return 2"]
    assert await run_calls(definitions, calls) == [FAILED, UNFINISHED]


async def test_none_may_be_the_expected_value() -> None:
    assert await verdicts("def f(n): pass", wanted=None) == [PASSED]


async def test_definition_that_changes_the_expected_value_does_not_affect_the_next_definition() -> None:
    meddles = "class A(list):\n def __eq__(self, other): other.append(1)\ndef f(n): return A()"
    assert await verdicts(meddles, "def f(n): return [4]", wanted=[4]) == [FAILED, PASSED]


async def test_booleans_differ_from_numbers_and_integers_are_compared_exactly() -> None:
    assert await verdicts("def f(n): return 1", "def f(n): return True", wanted=True) == [FAILED, PASSED]
    assert await verdicts("def f(n): return 2001000.5", "def f(n): return 2001000.0", wanted=2001000) == [
        FAILED,
        PASSED,
    ]


async def test_floats_that_differ_by_rounding_are_equal() -> None:
    assert await verdicts("def f(n): return 0.1 + 0.2", wanted=0.3) == [PASSED]
    assert await verdicts("def f(n): return float('nan')", wanted=0.3) == [FAILED]


async def test_modules_that_only_compute_can_be_imported() -> None:
    text = "import math\nfrom collections import Counter\nfrom typing import List\ndef f(n): return math.isqrt(16)"
    assert await verdicts(text, modules="math collections") == [PASSED]


async def test_definition_with_an_endless_call_fails_and_the_next_definition_runs() -> None:
    swallows = "def f(n):\n while True:\n  try:\n   while True: pass\n  except ValueError: pass"
    assert await verdicts("def f(n):\n while True: pass", swallows, "def f(n): return 4") == [FAILED, FAILED, PASSED]


async def test_process_ends_if_a_call_handles_no_signals() -> None:
    """Python handles no signal during a single call of `sum`, so only the kernel's limit of processor time ends it."""
    assert await verdicts("def f(n): return 4", "def f(n): return sum(range(10 ** 12))", "def f(n): return 4") == [
        PASSED,
        FAILED,
        UNKNOWN,
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not hold processes to a limit of address space")
async def test_memory_is_limited() -> None:
    assert await verdicts("def f(n): return len(bytearray(2 * 1024**3)) and 4") == [FAILED]


async def test_print_does_nothing() -> None:
    assert await verdicts("def f(n):\n print('p?f', n)\n return 4") == [PASSED]


def file_in(folder: Path) -> Path:
    kept = folder / "kept.txt"
    kept.write_text("as it was")
    return kept


def is_as_it_was(kept: Path) -> bool:
    return kept.read_text() == "as it was" and list(kept.parent.iterdir()) == [kept]


HARM = {
    "open": "open({path!r}, 'w').write('x')",
    "read": "open('/etc/passwd')",
    "import": "__import__('os').remove({path!r})",
    "eval": "eval('1')",
    "compile": "compile('1', '', 'eval')",
    "input": "input()",
    "frames": "(i for i in ()).gi_frame.f_back",
    "code": "f.__code__",
    "loader": "math.__loader__",
    "globals": "print.__globals__['os'].remove({path!r})",
    "a format's error": """
try: "{{0.__globals__.x}}".format(print)
except AttributeError as error: reached = error.obj
reached['os'].remove({path!r})""",
    "a match": """
M = type("M", (type,), {{"__instancecheck__": lambda c, o: True}})
C = M("C", (), {{"__match_args__": ("__globals__",)}})
match print:
    case C(reached): reached['os'].remove({path!r})""",
    "a process": "print.__globals__['os'].posix_spawn('/bin/rm', ['rm', {path!r}], {{}})",
    "no event": "print.__globals__['os'].mknod({path!r} + '2')",
    "a parent": "import os\nprint.__globals__['signal'].pidfd_send_signal(print.__globals__['os'].pidfd_open(1), 0)",
    "a socket": "print.__globals__['sys'].modules['_socket'].socket()",
    "the hook": """
reached = print.__globals__
reached['hook'] = reached['Refused'] = None
reached['os'].truncate({path!r}, 0)""",
}


@pytest.mark.parametrize("harm", HARM)
async def test_code_that_purity_would_refuse_can_only_compute(tmp_path: Path, harm: str) -> None:
    """Code that `purity` would refuse does no harm: built-ins, audit hook and system call filter stop it."""
    kept = file_in(tmp_path)
    body = HARM[harm].format(path=str(kept)).strip().replace("\n", "\n    ")
    text = f"import math\ndef f(n):\n    {body}\n    return 4"
    assert (await verdicts(text, "def f(n): return 4", modules="math"))[0] is not PASSED
    assert is_as_it_was(kept)


FILTER_ALONE = f"""
import marshal, os, sys
sys.path.insert(0, {str(ROOT)!r})
from slm_lsp.sandbox import seccomp
assert seccomp.only_compute()
for refused in (
    lambda: open({{path!r}}, "w"),
    lambda: os.remove({{path!r}}),
    lambda: os.mknod({{path!r}} + "2"),
    lambda: os.stat("/"),
    lambda: os.fork(),
    lambda: os.execv("/bin/rm", ["rm", {{path!r}}]),
    lambda: os.kill(os.getpid(), 0),
    lambda: os.pidfd_open(1),
    lambda: os.pipe(),
    lambda: sys.stdin.read(),
):
    try:
        refused()
    except PermissionError:
        continue
    raise SystemExit("The call was allowed.")
os.write(1, bytes([sum(divmod(int("42"), 5))]))
"""


def test_system_call_filter_alone_allows_only_computing(tmp_path: Path) -> None:
    """Here only the system call filter is active: no audit hook, and all of Python is available."""
    kept = file_in(tmp_path)
    script = FILTER_ALONE.format(path=str(kept))
    found = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (0, bytes([10])), found.stderr
    assert is_as_it_was(kept)


async def test_typing_is_replaced_by_a_stand_in() -> None:
    text = """
from typing import TYPE_CHECKING, Generic, TypeVar, cast, final
T = TypeVar("T")
if TYPE_CHECKING:
    from nowhere import nothing
class Box(Generic[T]):
    def __init__(self, value: T | None) -> None: self.value: T = value
@final
def f(n: "Unheard") -> Of[int]: return cast(int, Box(n).value) * 2
"""
    assert await verdicts(text) == [PASSED]
    assert await verdicts("from typing import NamedTuple\ndef f(n): return 4") == [UNKNOWN]


async def test_verdicts_are_unknown_after_a_timeout() -> None:
    assert await run_calls(["def f(n): return 4"] * 2, [("f(2)", 4)], wall_s=0.001) == [UNKNOWN, UNKNOWN]


async def test_definition_that_takes_too_long_to_compile_has_an_unknown_verdict() -> None:
    nested = "def f(n):\n" + "".join(f"{' ' * at}try: g()\n{' ' * at}finally:\n" for at in range(1, 19))
    nested += " " * 20 + "; ".join(["g(n)"] * 9) + "\n return 4"
    assert set(await verdicts(nested, "def f(n): return 4")) <= {UNKNOWN, PASSED}


async def test_cancelling_ends_the_process() -> None:
    running = asyncio.create_task(verdicts("def f(n): return sum(range(10 ** 12))"))
    for _ in range(500):
        if children := [each for each in psutil.Process().children() if START in each.cmdline()]:
            break
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(each.is_running() for each in children)
