"""`extract_variable` declares a variable for an expression, and refuses this if it would change the behaviour."""

import pytest

from slm_lsp.features.edit.rules.extract_variable import extract_variable
from slm_lsp.features.edit.rules.source import Refused
from tests.features.edit.rules.marked import has_errors, marked, parsed

EXTRACTED = [
    # Python
    ("python", "def f(a, b):\n    return «a + b» - 2\n", "def f(a, b):\n    x = a + b\n    return x - 2\n"),
    ("python", "def f(a, b):\n    return («a + b») - 2\n", "def f(a, b):\n    x = a + b\n    return x - 2\n"),
    ("python", "def f(a, b):\n    return «(a + b)» - 2\n", "def f(a, b):\n    x = a + b\n    return x - 2\n"),
    ("python", "def f(a, b):\n    return(«a + b»)\n", "def f(a, b):\n    x = a + b\n    return x\n"),
    ("python", "def f(a):\n    «g(a)»\n", "def f(a):\n    x = g(a)\n"),
    ("python", "print(« 60 * 60 »)\n", "x = 60 * 60\nprint( x )\n"),
    ("python", "def f(a):\n    if «g(a)»:\n        pass\n", "def f(a):\n    x = g(a)\n    if x:\n        pass\n"),
    (
        "python",
        "def f(a):\n    for b in «g(a)»:\n        print(b)\n",
        "def f(a):\n    x = g(a)\n    for b in x:\n        print(b)\n",
    ),
    (
        "python",
        "def f(a):\n    while a < «60 * 60»:\n        a += 1\n",
        "def f(a):\n    x = 60 * 60\n    while a < x:\n        a += 1\n",
    ),
    (
        "python",
        "def f(a):\n    return g(\n        «a +\n        1»,\n    )\n",
        "def f(a):\n    x = (a +\n        1)\n    return g(\n        x,\n    )\n",
    ),
    (
        "python",
        "def f(a):\n    return «g(\n        a,\n    )».b\n",
        "def f(a):\n    x = g(\n        a,\n    )\n    return x.b\n",
    ),
    ("python", "def f(a):\n    return sum«(b for b in a)»\n", "def f(a):\n    x = (b for b in a)\n    return sum(x)\n"),
    ("python", 'def f(a):\n    return f"{«a.name»}!"\n', 'def f(a):\n    x = a.name\n    return f"{x}!"\n'),
    ("python", "def f(a):\n    a.total = «g(a)»\n", "def f(a):\n    x = g(a)\n    a.total = x\n"),
    ("python", "def f(a, b):\n    return b + «g(a)»\n", "def f(a, b):\n    x = g(a)\n    return b + x\n"),
    ("python", "def f(a):\n    log.info(«g(a)»)\n", "def f(a):\n    x = g(a)\n    log.info(x)\n"),
    ("python", "def f(a):\n    return [b for b in «g(a)»]\n", "def f(a):\n    x = g(a)\n    return [b for b in x]\n"),
    ("python", "def f(a, b=«60 * 60»):\n    pass\n", "x = 60 * 60\ndef f(a, b=x):\n    pass\n"),
    ("python", "def f(a):\n    return a and «1»\n", "def f(a):\n    x = 1\n    return a and x\n"),
    ("python", "def f(a):\r\n\treturn «a.b» + 1\r\n", "def f(a):\r\n\tx = a.b\r\n\treturn x + 1\r\n"),
    ("python", "def f(ä):\n    return «ä + 1» - 2\n", "def f(ä):\n    x = ä + 1\n    return x - 2\n"),
    (
        "python",
        "async def f(a):\n    return (await «g(a)»).b\n",
        "async def f(a):\n    x = g(a)\n    return (await x).b\n",
    ),
    # JavaScript and TypeScript
    (
        "javascript",
        "function f(a, b) {\n  return «a + b» - 2;\n}\n",
        "function f(a, b) {\n  const x = a + b;\n  return x - 2;\n}\n",
    ),
    ("javascript", "function f(a) {\n  return «a.b()»\n}\n", "function f(a) {\n  const x = a.b()\n  return x\n}\n"),
    ("javascript", "function f(a) {\n  «g(a)»;\n}\n", "function f(a) {\n  const x = g(a);\n}\n"),
    (
        "javascript",
        "function f(a) {\n  if («a.b > 1») {\n    g();\n  }\n}\n",
        "function f(a) {\n  const x = a.b > 1;\n  if (x) {\n    g();\n  }\n}\n",
    ),
    (
        "javascript",
        "const f = (a) => {\n  g(`${«a.b»}`);\n};\n",
        "const f = (a) => {\n  const x = a.b;\n  g(`${x}`);\n};\n",
    ),
    (
        "tsx",
        "function F(p: P) {\n  return <b>{«p.a + 1»}</b>;\n}\n",
        "function F(p: P) {\n  const x = p.a + 1;\n  return <b>{x}</b>;\n}\n",
    ),
    (
        "typescript",
        "class A {\n  f(): number {\n    return «this.a» - 2;\n  }\n}\n",
        "class A {\n  f(): number {\n    const x = this.a;\n    return x - 2;\n  }\n}\n",
    ),
    (
        "javascript",
        "function f(a) {\n  if «(a.b > 1)» {\n    g();\n  }\n}\n",
        "function f(a) {\n  const x = a.b > 1;\n  if (x) {\n    g();\n  }\n}\n",
    ),
    # Java
    (
        "java",
        'class A {\n    String f(String a) {\n        return «"-" + a»;\n    }\n}\n',
        'class A {\n    String f(String a) {\n        var x = "-" + a;\n        return x;\n    }\n}\n',
    ),
    (
        "java",
        'class A {\n    void f() {\n        g(«"-"»);\n    }\n}\n',
        'class A {\n    void f() {\n        String x = "-";\n        g(x);\n    }\n}\n',
    ),
    (
        "java",
        "class A {\n    void f() {\n        g(«new B<String>(1)»);\n    }\n}\n",
        "class A {\n    void f() {\n        B<String> x = new B<String>(1);\n        g(x);\n    }\n}\n",
    ),
    (
        "java",
        "class A {\n    long f() {\n        return «3L»;\n    }\n}\n",
        "class A {\n    long f() {\n        long x = 3L;\n        return x;\n    }\n}\n",
    ),
    # Go
    (
        "go",
        "package a\n\nfunc f(a int) int {\n\treturn «a + 1» - 2\n}\n",
        "package a\n\nfunc f(a int) int {\n\tx := a + 1\n\treturn x - 2\n}\n",
    ),
    (
        "go",
        "package a\n\nfunc f(a float64) float64 {\n\treturn a * «2»\n}\n",
        "package a\n\nfunc f(a float64) float64 {\n\tconst x = 2\n\treturn a * x\n}\n",
    ),
    (
        "go",
        "package a\n\nfunc f(a int) {\n\tg(1, «h(a)»)\n}\n",
        "package a\n\nfunc f(a int) {\n\tx := h(a)\n\tg(1, x)\n}\n",
    ),
]


@pytest.mark.parametrize(("language", "case", "expected"), EXTRACTED)
def test_expression_becomes_a_variable(language: str, case: str, expected: str) -> None:
    text, selection = marked(case)
    assert not has_errors(language, text)
    assert extract_variable(parsed(language, text), selection, "x") == expected
    assert not has_errors(language, expected)


REFUSED = [
    # The place is not evaluated exactly once, before the rest of its statement.
    ("python", "def f(a):\n    return a and «a.b»\n", "left side of `and`"),
    ("python", "def f(a):\n    return 1 if a else «g()»\n", "condition"),
    ("python", "def f(a):\n    return «g()» if a else 1\n", "condition"),
    ("python", "def f(a):\n    return 1 < a < «g()»\n", "comparison"),
    ("python", "def f(a):\n    while «a.b»:\n        pass\n", "each iteration"),
    ("python", "def f(a):\n    if a:\n        pass\n    elif «a.b»:\n        pass\n", "false"),
    ("python", "def f(a):\n    return [«b + 1» for b in a]\n", "each element"),
    ("python", "def f(a):\n    return [b for b in a if «g(b)»]\n", "each element"),
    ("python", "def f(a):\n    return lambda b: «b + 1»\n", "lambda"),
    ("python", "def f(a, b=«g()»):\n    pass\n", "default value"),
    ("python", "def f(a):\n    assert a, «g(a)»\n", "assertion"),
    ("python", "def f(a):\n    with a, «g(a)»:\n        pass\n", "first part"),
    ("python", "def f(a):\n    return h(next(a), «g(a)»)\n", "`next(a)` is evaluated before it"),
    ("python", "def f(a):\n    return h(a.pop(), «a + [1]»)\n", "`a.pop()` is evaluated before it"),
    ("python", "def f(a):\n    return a.b + «a.g()»\n", "`a.b` is evaluated before it"),
    (
        "python",
        "n = 0\n\n\ndef f():\n    global n\n    n += 1\n\n\ndef h(g):\n    return n + «g()»\n",
        "`n` is read before it",
    ),
    # The expression is not a value, or the variable would mean something else.
    ("python", "def f(a):\n    «a.b» = 1\n", "cannot replace it"),
    ("python", "def f(a):\n    del «a.b»\n", "cannot replace it"),
    ("python", "def f(a):\n    «a.b» += 1\n", "cannot replace it"),
    ("python", "def f(a):\n    for «a.b» in a:\n        pass\n", "cannot replace it"),
    ("python", "def f(a: «b.c»):\n    pass\n", "type"),
    ("python", "@«g(1)»\ndef f():\n    pass\n", "declaration"),
    ("python", "class A:\n    b = «g(1)»\n", "member of the class"),
    ("python", 'def f():\n    «"""Doc."""»\n', "docstring"),
    ("python", "def f(a):\n    return (b := «a + 1») + («b := 2»)\n".replace("«a + 1»", "a + 1"), "assigns"),
    ("python", "def f(a):\n    b = «yield a»\n", "assigns"),
    ("python", "def f(a): return «a.b» + 1\n", "beginning of a line"),
    ("python", "def f(a):\n    b = 1; return «a.b» + 1\n", "beginning of a line"),
    ("python", "def f(a):\n    return «a»\n", "one whole expression"),
    ("python", "def f(a, b):\n    return a +« b »\n".replace("« b »", " «b »"), "one whole expression"),
    ("python", "def f(a, b, c):\n    return a * «b + c»\n", "one whole expression"),
    ("python", "def f(a):\n    «return a»\n", "one whole expression"),
    ("python", "def f(a:\n    return «a + 1»\n", "syntax errors"),
    ("javascript", "function f(a) {\n  return a && «a.b»;\n}\n", "left side of `&&`"),
    ("javascript", "function f(a) {\n  return a ?? «a.b»;\n}\n", "left side of `??`"),
    ("javascript", "function f(a) {\n  return a ? «a.b» : 1;\n}\n", "condition"),
    ("javascript", "function f(a) {\n  return a?.b(«g()»);\n}\n", "`?.`"),
    ("javascript", "function f(a) {\n  for (let i = 0; i < «a.length»; i++) {}\n}\n", "each iteration"),
    ("javascript", "function f(a) {\n  while («a.b») {}\n}\n", "each iteration"),
    ("javascript", "function f(a) {\n  if (a) return «a.b»;\n}\n", "without a block"),
    ("javascript", "function f(a) {\n  if (a) {\n  } else if («a.b») {\n  }\n}\n", "false"),
    ("javascript", "function f(a) {\n  return a.map((b) => «b + 1»);\n}\n", "arrow function"),
    ("javascript", "function f(a, b = «g()») {}\n", "default value"),
    ("javascript", "function f(a) {\n  «a.b»();\n}\n", "loses its object"),
    ("javascript", "function f(a) {\n  «a.b»++;\n}\n", "cannot replace it"),
    ("javascript", "function f(a) {\n  «a.b» = 1;\n}\n", "cannot replace it"),
    ("javascript", "class A {\n  b = «g()»;\n}\n", "field of a class"),
    ("javascript", "function f(a) {\n  switch (a) {\n    case «g()»:\n  }\n}\n", "label"),
    ("javascript", 'function f(a) {\n  return { «"b"»: a };\n}\n', "not a value"),
    ("javascript", 'export { a } from «"./a"»;\n', "not a value"),
    ("javascript", "function f(a) {\n  return «a?.b».c;\n}\n", "`?.`"),
    ("javascript", "function f(a) {\n  return tag«`b`»;\n}\n", "tag"),
    ("tsx", 'function F() {\n  return <b c=«"d"» />;\n}\n', "declaration"),
    ("typescript", 'function f(a: «"b"») {}\n', "type"),
    ("java", "class A {\n    void f() {\n        «g()»;\n    }\n}\n", "no value"),
    ("java", "class A {\n    int b = «1 + 2»;\n}\n", "not in a function"),
    ("java", "class A {\n    void f() {\n        g(«() -> 1»);\n    }\n}\n", "depends on where it is used"),
    ("java", "class A {\n    void f() {\n        g(«new B<>()»);\n    }\n}\n", "depends on where it is used"),
    ("go", "package a\n\nfunc f() error {\n\treturn «g()»\n}\n", "several values"),
    ("go", "package a\n\nfunc f() {\n\ta, b := «g()»\n}\n", "several values"),
    ("go", "package a\n\nfunc f() {\n\tif a := g(); «a.b» {\n\t}\n}\n", "initial statement"),
    ("go", "package a\n\nfunc f(a int) {\n\tfor «a.b» {\n\t}\n}\n", "each iteration"),
    ("go", "package a\n\nvar b = «g(1)»\n", "not in a function"),
]


@pytest.mark.parametrize(("language", "case", "reason"), REFUSED)
def test_unsafe_extraction_is_refused_with_a_reason(language: str, case: str, reason: str) -> None:
    text, selection = marked(case)
    found = extract_variable(parsed(language, text), selection, "x")
    assert isinstance(found, Refused), found
    assert reason in found.reason


def test_equal_expressions_are_replaced_up_to_the_first_change() -> None:
    text, selection = marked(
        "def f(a, b):\n    p = «a * b»\n    if p:\n        q = a * b + 1\n    a = 3\n    return a * b\n"
    )
    assert extract_variable(parsed("python", text), selection, "x", everywhere=True) == (
        "def f(a, b):\n    x = a * b\n    p = x\n    if p:\n        q = x + 1\n    a = 3\n    return a * b\n"
    )


def test_only_the_selected_expression_is_replaced_by_default() -> None:
    text, selection = marked("def f(a, b):\n    p = «a * b»\n    return a * b\n")
    found = extract_variable(parsed("python", text), selection, "x")
    assert found == "def f(a, b):\n    x = a * b\n    p = x\n    return a * b\n"


def test_calls_are_not_merged_with_equal_calls() -> None:
    text, selection = marked("def f(a):\n    p = «g(a)»\n    return g(a)\n")
    found = extract_variable(parsed("python", text), selection, "x", everywhere=True)
    assert found == "def f(a):\n    x = g(a)\n    p = x\n    return g(a)\n"


@pytest.mark.parametrize(
    ("language", "case", "name"),
    [
        ("python", "def f(a):\n    return «a.get_user(1)» + 1\n", "user"),
        ("python", "def f(a):\n    return «a.first_name» + 1\n", "first_name"),
        ("python", "def f(a, b):\n    return «a + b» + 1\n", "value"),
        ("python", "def f(a, value):\n    return «a + 1» + value\n", "value_2"),
        ("javascript", "function f(a) {\n  return «a.computeNetTotal()» + 1;\n}\n", "netTotal"),
        ("javascript", "function f(a) {\n  return «a.class» + 1;\n}\n", "valueClass"),
    ],
)
def test_name_is_derived_from_the_expression(language: str, case: str, name: str) -> None:
    text, selection = marked(case)
    found = extract_variable(parsed(language, text), selection)
    assert isinstance(found, str)
    assert f"{name} = " in found


@pytest.mark.parametrize(("name", "reason"), [("class", "reserved"), ("a", "already used"), ("1x", "not a name")])
def test_unusable_name_is_refused(name: str, reason: str) -> None:
    text, selection = marked("def f(a):\n    return «a + 1» - 2\n")
    found = extract_variable(parsed("python", text), selection, name)
    assert isinstance(found, Refused)
    assert reason in found.reason
