"""Renders a model's Jinja chat template, which comes from the model's file and is not trusted.

The environment follows Hugging Face transformers (`apply_chat_template`), for which templates are written: the same
whitespace rules, functions, filter and tags. Templates cannot read files or change Python objects. Their length, their
output and their time are limited. There is no direct limit on their memory, only these limits and the limit on
products.
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
"""Maximum length of a template, in characters. The longest of the 60 templates in llama.cpp's collection has 17,000."""

MAX_OUTPUT = 128 * 1024
"""Maximum length of a template's output, in characters. Contents of messages do not count: see `chat.py`."""

MAX_SECONDS = 1.0
"""Time limit for rendering a template, in seconds of processor time, so that other programs have no influence. Real
templates take a millisecond."""

MAX_PRODUCT = 1 << 20
"""Maximum result of `*` in a template: the length of a sequence, or the absolute value of a number."""

MAX_EXPONENT = 64
"""Maximum absolute value of both operands of `**` in a template."""

CACHED_TEMPLATES = 8


class TemplateFailedError(Exception):
    """The template cannot be used. The message gives the reason as a part of a sentence."""


def render_template(source: str, variables: Mapping[str, object], today: date) -> str:
    """Render a template.

    Args:
        source: the Jinja template.
        variables: the variables that the template can use.
        today: the date that `strftime_now` formats, with the time 0:00. So a prompt stays the same all day, and its KV
            cells can be reused.

    Raises:
        TemplateFailedError: the template has an error, refuses the messages, or exceeds a limit.
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
    """Return why a template failed, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, TemplateError) and text else f"{type(error).__name__}: {text}"


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox that limits `*` and `**`, so that their results cannot fill the memory."""

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
    """Return the absolute value of a number or the length of a sequence; 0 for other values."""
    if isinstance(value, int | float):
        return abs(value)
    return len(value) if isinstance(value, str | list | tuple) else 0


class _Generation(Extension):
    """Accepts the tag `{% generation %}`, which marks the model's own text for transformers.

    Here the tag has no effect.
    """

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
    # No `autoescape`, because HTML escapes would change the prompt. No optimizer, because it computes constant
    # expressions without the limits.
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
    """Return a value as JSON. Jinja's own filter also escapes HTML, which models do not expect."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """End Python code that runs too long in this thread.

    The trace function is called for each line of the compiled template, so it also ends loops that write nothing. A
    timer would need a signal, which works only in the main thread, or a separate process.
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
