"""Rules that decide which refactorings by the model make sense in Python code."""

from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.features.edit.offer import Place, Rewrite, enclosing, inside, statement, wrapped

COMPREHENSIONS = frozenset({"dictionary_comprehension", "list_comprehension", "set_comprehension"})

UNTYPED = frozenset({"default_parameter", "dictionary_splat_pattern", "identifier", "list_splat_pattern"})
"""Kinds of parameters without an annotation."""

DATACLASS = (b"@dataclass", b"@dataclasses.dataclass")

FUNCTION, CLASS, LOOP = "function_definition", "class_definition", "for_statement"


def of_function(place: Place, function: Node) -> Iterator[Rewrite]:
    """Yield the refactorings of a whole function that are offered only in Python."""
    whole = wrapped(function)
    first, last = whole.start_byte, whole.end_byte
    if _lacks_types(place, function):
        instruction = "Add type hints to all parameters and to the return value. Change nothing else."
        yield Rewrite("Add type hints", instruction, first, last)
    body = function.child_by_field_name("body")
    if body is not None and not _has_docstring(body):
        instruction = "Add a docstring that says what this function does and returns. Do not change the code."
        yield Rewrite("Add a docstring", instruction, first, last)


def of_place(place: Place) -> Iterator[Rewrite]:
    """Yield the refactorings of statements and classes."""
    if (loop := _loop(place)) is not None:
        instruction = "Replace the loop by a comprehension."
        yield Rewrite("Convert the loop to a comprehension", instruction, *loop)
    if (found := _comprehension(place)) is not None:
        instruction = "Replace the comprehension by a for loop."
        yield Rewrite("Convert the comprehension to a loop", instruction, found.start_byte, found.end_byte)
    if (found := _formatted(place)) is not None:
        span = (found.start_byte, found.end_byte) if place.is_cursor else (place.start, place.end)
        yield Rewrite("Convert to f-strings", "Use f-strings instead of `%` and `.format`.", *span)
    yield from _of_class(place)


def _lacks_types(place: Place, function: Node) -> bool:
    """Return whether a parameter or the return value has no annotation. `self`, `cls` and `__init__` need none."""
    parameters = function.child_by_field_name("parameters")
    listed = [] if parameters is None else parameters.named_children
    is_method = enclosing(function.parent, {CLASS}, outside={FUNCTION}) is not None
    if is_method and listed and listed[0].type == "identifier" and place.text(listed[0]) in (b"self", b"cls"):
        listed = listed[1:]
    name = function.child_by_field_name("name")
    returns = function.child_by_field_name("return_type")
    is_init = name is not None and place.text(name) == b"__init__"
    return any(each.type in UNTYPED for each in listed) or (returns is None and not is_init)


def _has_docstring(body: Node) -> bool:
    first = next((each for each in body.named_children if each.type != "comment"), None)
    return first is not None and _expression(first).type in ("concatenated_string", "string")


def _loop(place: Place) -> tuple[int, int] | None:
    """Return the range of `x = []` and the loop after it that only appends to `x`, if the place is in them."""
    loop = enclosing(place.node, {LOOP}, outside={FUNCTION, CLASS})
    if loop is None:
        selected = [each for each in inside(place.node, place.lines) if each.type == LOOP]
        loop = selected[0] if selected else None
    if loop is None or loop.child_by_field_name("alternative") is not None or _is_async(loop):
        return None
    target, before = _appended(place, loop), loop.prev_named_sibling
    if target is None or before is None:
        return None
    assignment = _expression(before)
    left, right = (assignment.child_by_field_name(each) for each in ("left", "right"))
    starts_empty = right is not None and right.type == "list" and not right.named_children
    if assignment.type != "assignment" or left is None or place.text(left) != target or not starts_empty:
        return None
    first, last = before.start_byte, loop.end_byte
    return (first, last) if place.is_cursor or (first <= place.start and place.end <= last) else None


def _appended(place: Place, loop: Node) -> bytes | None:
    """Return the name of the list to which a loop appends, if the loop does nothing else; otherwise None."""
    body = loop.child_by_field_name("body")
    only = _only(body)
    if only is not None and only.type == "if_statement" and only.child_by_field_name("alternative") is None:
        only = _only(only.child_by_field_name("consequence"))
    call = None if only is None else _expression(only)
    called = call.child_by_field_name("function") if call is not None and call.type == "call" else None
    if called is None or called.type != "attribute":
        return None
    target, method = (called.child_by_field_name(each) for each in ("object", "attribute"))
    if target is None or method is None or target.type != "identifier" or place.text(method) != b"append":
        return None
    return place.text(target)


def _comprehension(place: Place) -> Node | None:
    """Return the statement of the comprehension at the place."""
    found = enclosing(place.node, COMPREHENSIONS, outside={FUNCTION, CLASS, LOOP})
    if found is None and not place.is_cursor:
        selected = (each for each in inside(place.node, place.lines) if each.type in COMPREHENSIONS)
        found = next(selected, None)
    return None if found is None else statement(found)


def _formatted(place: Place) -> Node | None:
    """Return the statement of a string in the selected lines that is formatted with `%` or `.format`."""
    lines = place.lines
    around = place.root.descendant_for_byte_range(lines[0], max(lines[1] - 1, lines[0])) or place.root
    for each in inside(around, lines):
        string = None
        if each.type == "binary_operator":
            operator = each.child_by_field_name("operator")
            string = each.child_by_field_name("left") if operator is not None and operator.type == "%" else None
        elif each.type == "call":
            called = each.child_by_field_name("function")
            method = called.child_by_field_name("attribute") if called is not None else None
            if called is not None and method is not None and place.text(method) == b"format":
                string = called.child_by_field_name("object")
        is_text = string is not None and string.type in ("concatenated_string", "string")
        if string is not None and is_text and not place.text(string)[:2].lower().startswith((b"b", b"rb")):
            return statement(each)
    return None


def _of_class(place: Place) -> Iterator[Rewrite]:
    """Yield the conversions between a plain class and a dataclass, if the place is in the class's header or fields."""
    found = enclosing(place.node, {CLASS, FUNCTION})
    if found is not None and found.type == FUNCTION and _name(place, found) == b"__init__":
        found = enclosing(found.parent, {CLASS}, outside={FUNCTION})
    if place.node.type == "decorated_definition":
        found = place.node.child_by_field_name("definition")
    elif (decorator := enclosing(place.node, {"decorator"}, outside={FUNCTION, CLASS})) is not None:
        found = None if decorator.parent is None else decorator.parent.child_by_field_name("definition")
    if found is None or found.type != CLASS:
        return
    whole = wrapped(found)
    if place.has_several_lines and not (place.is_exactly(found) or place.is_exactly(whole)):
        return
    first, last = whole.start_byte, whole.end_byte
    if any(place.text(each).startswith(DATACLASS) for each in whole.named_children if each.type == "decorator"):
        instruction = "Convert this dataclass to a plain class with an `__init__` method that does the same."
        yield Rewrite("Convert the dataclass to a plain class", instruction, first, last)
    elif whole is found and _is_plain(place, found):
        instruction = "Convert this class to a dataclass: declare the fields with their types and remove `__init__`."
        yield Rewrite("Convert to a dataclass", instruction, first, last)


def _is_plain(place: Place, definition: Node) -> bool:
    """Return whether a class has no base and its `__init__` only stores its parameters under their own names."""
    if definition.child_by_field_name("superclasses") is not None:
        return False
    body = definition.child_by_field_name("body")
    members = [] if body is None else body.named_children
    init = next((each for each in members if each.type == FUNCTION and _name(place, each) == b"__init__"), None)
    stored = None if init is None else init.child_by_field_name("body")
    parameters = None if init is None else init.child_by_field_name("parameters")
    if stored is None or parameters is None:
        return False
    names = [_parameter(place, each) for each in parameters.named_children[1:]]
    assigned = [_stored(place, each) for each in stored.named_children if each.type != "comment"]
    return bool(names) and None not in names and sorted(map(str, names)) == sorted(map(str, assigned))


def _parameter(place: Place, node: Node) -> bytes | None:
    """Return the name of a parameter; None for `*args`, `**kwargs` and the like."""
    if node.type == "identifier":
        return place.text(node)
    if node.type not in ("default_parameter", "typed_default_parameter", "typed_parameter"):
        return None
    name = node.child_by_field_name("name") or (node.named_children[0] if node.named_children else None)
    return None if name is None or name.type != "identifier" else place.text(name)


def _stored(place: Place, node: Node) -> bytes | None:
    """Return `x` for a statement `self.x = x`, otherwise None."""
    assignment = _expression(node)
    left, right = (assignment.child_by_field_name(each) for each in ("left", "right"))
    if assignment.type != "assignment" or left is None or right is None:
        return None
    value = place.text(right)
    return value if right.type == "identifier" and place.text(left) == b"self." + value else None


def _name(place: Place, definition: Node) -> bytes:
    name = definition.child_by_field_name("name")
    return b"" if name is None else place.text(name)


def _only(block: Node | None) -> Node | None:
    """Return the only statement of a block, otherwise None."""
    statements = [] if block is None else [each for each in block.named_children if each.type != "comment"]
    return statements[0] if len(statements) == 1 else None


def _expression(node: Node) -> Node:
    """Return the expression of an expression statement; other nodes are returned unchanged."""
    only = node.named_children
    return only[0] if node.type == "expression_statement" and len(only) == 1 else node


def _is_async(loop: Node) -> bool:
    return bool(loop.children) and loop.children[0].type == "async"
