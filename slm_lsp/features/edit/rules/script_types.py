"""Types of the parameters of an extracted TypeScript function, as they are written in the file."""

import re

from slm_lsp.features.edit.rules.bindings import binder_of, is_variable
from slm_lsp.features.edit.rules.kinds import SCRIPT
from slm_lsp.features.edit.rules.source import Refused, Source, walk
from slm_lsp.features.edit.rules.statements import Run

_NARROWED = re.compile(r"[|?]|\b(?:undefined|null|unknown|typeof)\b")
"""A type that a condition before the statements may have narrowed."""

_LITERALS = {"string": "string", "template_string": "string", "number": "number", "true": "boolean", "false": "boolean"}


def parameter_types(names: tuple[str, ...], run: Run, source: Source) -> dict[str, str] | Refused:
    """Return the annotation of each variable, such as `: string`; nothing for JavaScript.

    A variable without a written type, or with a type that depends on the place, is refused.
    """
    if source.language.name == "javascript":
        return {}
    found: dict[str, str] = {}
    for function in reversed(run.functions):
        if names and function.child_by_field_name("type_parameters") is not None:
            return Refused("The statements cannot be extracted. The function has type parameters.")
        for each in walk(function):
            if not is_variable(each, SCRIPT) or source.of(each) not in names or each.start_byte >= run.start:
                continue
            binder = binder_of(each)
            kind = None if binder is None else binder.child_by_field_name("type")
            value = None if binder is None else binder.child_by_field_name("value")
            if kind is not None and binder is not None and binder.type != "optional_parameter":
                found[source.of(each)] = source.of(kind)
            elif value is not None and value.type in _LITERALS:
                found[source.of(each)] = f": {_LITERALS[value.type]}"
    for name in names:
        if name not in found or _NARROWED.search(found[name]):
            return Refused(f"The statements cannot be extracted. The type of `{name}` here is not written down.")
    return found
