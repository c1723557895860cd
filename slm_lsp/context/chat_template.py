"""Renders a model's Jinja chat template, which comes from the model's file and is not trusted.

The environment follows Hugging Face transformers (`apply_chat_template`), for which templates are written: the same
white-space rules, functions, filter and tags. Templates cannot read files or change Python objects. Their length,
their output and their time are limited. Their memory is limited only by these and by the limit on products.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache, lru_cache
from types import FrameType
from typing import Any, NoReturn

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEMPLATE = 128 * 1024
"""Characters of a template. The longest of llama.cpp's collection of 60 has 17,000."""

MAX_OUTPUT = 128 * 1024
"""Characters that a template may write. Contents of messages do not count: see `chat.py`."""

MAX_SECONDS = 1.0
"""Processor time to render a template, so that a busy machine changes nothing. Real templates take a millisecond."""

MAX_PRODUCT = 1 << 20
"""The longest sequence, and the largest number, that `*` may give."""

MAX_EXPONENT = 64
"""The largest operand of `**`."""

CACHED_TEMPLATES = 8


class TemplateFailedError(Exception):
    """The template cannot be used; the message says why in a sentence part."""


def render_template(source: str, variables: Mapping[str, object], today: date) -> str:
    """Render a template.

    Args:
        source: the Jinja template.
        variables: what the template can use.
        today: what `strftime_now` formats, at midnight. A prompt thus stays the same all day, and with it its KV cells.

    Raises:
        TemplateFailedError: the template is wrong, refuses the messages, or exceeds a limit.
    """
    if len(source) > MAX_TEMPLATE:
        raise TemplateFailedError(f"it is longer than {MAX_TEMPLATE:,} characters")
    midnight = datetime(today.year, today.month, today.day)
    pieces: list[str] = []
    length = 0
    try:
        template = _compile(source)
        with _deadline(MAX_SECONDS):
            for piece in template.generate(variables, strftime_now=midnight.strftime):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_OUTPUT:
                    raise TemplateFailedError(f"it writes more than {MAX_OUTPUT:,} characters")
    except TemplateFailedError:
        raise
    except Exception as error:
        # A template is a program: TypeError, RecursionError, MemoryError and others are as likely as TemplateError.
        raise TemplateFailedError(_reason(error)) from error
    return "".join(pieces)


def _reason(error: Exception) -> str:
    """One line that says why a template failed."""
    text = " ".join(str(error).split())
    return text if isinstance(error, TemplateError) and text else f"{type(error).__name__}: {text}"


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which products cannot fill the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `left * right` or `left ** right` if the result is small enough."""
        if not _small(operator, left, right):
            raise SecurityError(f"it computes something too large with {operator}")
        return super().call_binop(context, operator, left, right)


def _small(operator: str, left: object, right: object) -> bool:
    if operator == "**":
        return _size(left) <= MAX_EXPONENT and _size(right) <= MAX_EXPONENT
    return _size(left) * _size(right) <= MAX_PRODUCT


def _size(value: object) -> float:
    """A number's absolute value, or the length of a sequence."""
    if isinstance(value, int | float):
        return abs(value)
    return len(value) if isinstance(value, str | list | tuple) else 0


class _Generation(Extension):
    """The tag `{% generation %}`, with which transformers marks the model's own text; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - declared so by Jinja

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the nodes between `{% generation %}` and `{% endgeneration %}`."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(CACHED_TEMPLATES)
def _compile(source: str) -> Template:
    return _environment().from_string(source)


@cache
def _environment() -> _Environment:
    # Not HTML: escaping would change the prompt. The optimizer would compute constants without the limits.
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    return environment


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter also escapes HTML, which models do not expect."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """End Python code that runs too long in this thread.

    The trace function is called for each line of the compiled template, so that it also ends loops that write nothing.
    A timer would need signals, which work in the main thread only, or a process of its own.
    """
    end = time.thread_time() + seconds

    def trace(_: FrameType, __: str, ___: object) -> Callable[..., Any]:
        if time.thread_time() > end:
            raise TemplateFailedError(f"it takes longer than {seconds:g} s")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
