"""`add_import` and `hoist_imports` put an import where the file has its other imports."""

import pytest

from slm_lsp.features.edit.rules.imports import add_import, hoist_imports
from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.languages.registry import languages
from tests.features.edit.rules.marked import has_errors, marked

ADDED = [
    ("python", "x = sqrt(2)\n", "math", "sqrt", "from math import sqrt\n\nx = sqrt(2)\n"),
    ("python", "def f():\n    pass\n", "math", "", "import math\n\n\ndef f():\n    pass\n"),
    ("python", '"""Doc."""\n\nx = 1\n', "os", "", '"""Doc."""\n\nimport os\n\nx = 1\n'),
    ("python", '"""Doc."""\nx = 1\n', "os", "", '"""Doc."""\n\nimport os\n\nx = 1\n'),
    ("python", "#!/usr/bin/env python\nx = 1\n", "os", "", "#!/usr/bin/env python\n\nimport os\n\nx = 1\n"),
    ("python", "# Licence.\n\nx = 1\n", "os", "", "# Licence.\n\nimport os\n\nx = 1\n"),
    ("python", "# About x.\nx = 1\n", "os", "", "import os\n\n# About x.\nx = 1\n"),
    ("python", "import os\nimport sys\n", "re", "", "import os\nimport re\nimport sys\n"),
    ("python", "import os\n", "re", "", "import os\nimport re\n"),
    ("python", "import sys\n", "re", "", "import re\nimport sys\n"),
    ("python", "import os", "sys", "", "import os\nimport sys\n"),
    ("python", "import os\n", "os", "", "import os\n"),
    ("python", "from os import path\n", "os", "sep", "from os import path, sep\n"),
    ("python", "from os import sep\n", "os", "path", "from os import path, sep\n"),
    ("python", "from os import path\n", "os", "path", "from os import path\n"),
    ("python", "from os import (\n    path,\n)\n", "os", "sep", "from os import (\n    path,\n    sep,\n)\n"),
    ("python", "from os import path  # here\n", "os", "sep", "from os import path  # here\nfrom os import sep\n"),
    ("python", "from os import path as p\n", "os", "sep", "from os import path as p\nfrom os import sep\n"),
    ("python", "import os\n\nimport numpy\n", "sys", "", "import os\nimport sys\n\nimport numpy\n"),
    ("python", "import numpy\n", "os", "", "import os\n\nimport numpy\n"),
    ("python", "import os\n\nx = 1\n", "numpy", "", "import os\n\nimport numpy\n\nx = 1\n"),
    ("python", "import os\n", ".shop", "Cart", "import os\n\nfrom .shop import Cart\n"),
    ("python", "import os\r\nx = 1\r\n", "re", "", "import os\r\nimport re\r\nx = 1\r\n"),
    ("python", "import os\n", "__future__", "annotations", "from __future__ import annotations\n\nimport os\n"),
    ("javascript", "use(a);\n", "./a.js", "a", 'import { a } from "./a.js";\n\nuse(a);\n'),
    ("javascript", "import b from './b'\n", "./a", "a", "import b from './b'\nimport { a } from './a'\n"),
    ("javascript", 'import { b } from "./a";\n', "./a", "a", 'import { b, a } from "./a";\n'),
    ("javascript", 'import { a } from "./a";\n', "./a", "a", 'import { a } from "./a";\n'),
    ("javascript", 'import D from "./a";\n', "./a", "a", 'import D, { a } from "./a";\n'),
    (
        "javascript",
        'import * as all from "./a";\n',
        "./a",
        "a",
        'import * as all from "./a";\nimport { a } from "./a";\n',
    ),
    (
        "javascript",
        '#!/usr/bin/env node\n"use strict";\nuse(a);\n',
        "./a.js",
        "a",
        '#!/usr/bin/env node\n"use strict";\nimport { a } from "./a.js";\n\nuse(a);\n',
    ),
    (
        "javascript",
        'const fs = require("fs");\n\nuse();\n',
        "./a",
        "a",
        'const fs = require("fs");\nconst { a } = require("./a");\n\nuse();\n',
    ),
    (
        "typescript",
        'import type { B } from "./b";\n',
        "./b",
        "make",
        'import type { B } from "./b";\nimport { make } from "./b";\n',
    ),
    ("java", "package a;\n\nclass B {}\n", "java.util", "List", "package a;\n\nimport java.util.List;\n\nclass B {}\n"),
    ("java", "class B {}\n", "java.util", "List", "import java.util.List;\n\nclass B {}\n"),
    (
        "java",
        "import java.io.File;\nimport java.util.Map;\n\nclass B {}\n",
        "java.util",
        "List",
        "import java.io.File;\nimport java.util.List;\nimport java.util.Map;\n\nclass B {}\n",
    ),
    ("java", "import java.util.*;\n\nclass B {}\n", "java.util", "List", "import java.util.*;\n\nclass B {}\n"),
    ("java", "class B {}\n", "java.lang", "String", "class B {}\n"),
    ("go", "package a\n\nfunc f() {}\n", "fmt", "", 'package a\n\nimport "fmt"\n\nfunc f() {}\n'),
    ("go", 'package a\n\nimport "os"\n', "fmt", "", 'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n'),
    (
        "go",
        'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n',
        "net/http",
        "",
        'package a\n\nimport (\n\t"fmt"\n\t"net/http"\n\t"os"\n)\n',
    ),
    ("go", 'package a\n\nimport (\n\t"fmt"\n)\n', "fmt", "", 'package a\n\nimport (\n\t"fmt"\n)\n'),
    ("ruby", "x = 1\n", "json", "", "x = 1\n"),
]


@pytest.mark.parametrize(("language", "text", "module", "name", "expected"), ADDED)
def test_import_is_added_in_its_place(language: str, text: str, module: str, name: str, expected: str) -> None:
    new = add_import(text, languages()[language], module, name)
    assert new == expected
    assert not has_errors(language, new)
    assert add_import(new, languages()[language], module, name) == new


def test_own_modules_come_after_other_packages() -> None:
    text = "import os\n\nimport numpy\n\nfrom shop.cart import Cart\n"
    new = add_import(text, languages()["python"], "shop.order", "Order", Layout(frozenset({"shop"})))
    assert new == "import os\n\nimport numpy\n\nfrom shop.cart import Cart\nfrom shop.order import Order\n"
    assert add_import(text, languages()["python"], "shop.order", "Order") == new


def test_long_import_is_written_on_several_lines() -> None:
    text = "from shop.cart import first_long_name, second_long_name, third_long_name\n"
    new = add_import(text, languages()["python"], "shop.cart", "fourth_long_name")
    assert new == (
        "from shop.cart import (\n    first_long_name,\n    fourth_long_name,\n    second_long_name,\n"
        "    third_long_name,\n)\n"
    )


HOISTED = [
    # The import is the first statement of the function that the model rewrote.
    (
        "python",
        "import os\n\n\n«def f(x):\n    import math\n\n    return math.sqrt(x)»\n",
        "import math\nimport os\n\n\ndef f(x):\n    return math.sqrt(x)\n",
    ),
    (
        "python",
        "import os\n\n\n«def f(x):\n    import os\n    return os.sep»\n",
        "import os\n\n\ndef f(x):\n    return os.sep\n",
    ),
    # The model wrote the import before the function.
    (
        "python",
        "import os\n\nX = 1\n\n\n«from math import sqrt\n\ndef f(x):\n    return sqrt(x)»\n",
        "import os\nfrom math import sqrt\n\nX = 1\n\n\ndef f(x):\n    return sqrt(x)\n",
    ),
    (
        "python",
        'class A:\n    «def f(self):\n        """Doc."""\n        from math import sqrt\n        return sqrt(2)»\n',
        'from math import sqrt\n\n\nclass A:\n    def f(self):\n        """Doc."""\n        return sqrt(2)\n',
    ),
    # The unit is the body of a loop.
    (
        "python",
        "for x in xs:\n    «import math\n    print(math.pi)»\n",
        "import math\n\nfor x in xs:\n    print(math.pi)\n",
    ),
    (
        "javascript",
        'import { b } from "./b";\n\nb();\n\n«import { a } from "./a";\n\nfunction f() {\n  return a(b);\n}»\n',
        'import { b } from "./b";\nimport { a } from "./a";\n\nb();\n\nfunction f() {\n  return a(b);\n}\n',
    ),
    (
        "javascript",
        'const x = 1;\n\n«function f() {\n  import { a } from "./a";\n  return a(x);\n}»\n',
        'import { a } from "./a";\n\nconst x = 1;\n\nfunction f() {\n  return a(x);\n}\n',
    ),
    (
        "java",
        "package a;\n\nclass B {\n«import java.util.List;\n\n"
        "    List<String> f() {\n        return List.of();\n    }»\n}\n",
        "package a;\n\nimport java.util.List;\n\nclass B {\n"
        "    List<String> f() {\n        return List.of();\n    }\n}\n",
    ),
    (
        "go",
        'package a\n\nimport "os"\n\n«import "fmt"\n\nfunc f() {\n\tfmt.Println(os.Args)\n}»\n',
        'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc f() {\n\tfmt.Println(os.Args)\n}\n',
    ),
]


@pytest.mark.parametrize(("language", "case", "expected"), HOISTED)
def test_import_in_an_edited_unit_moves_to_the_top(language: str, case: str, expected: str) -> None:
    text, unit = marked(case)
    new = hoist_imports(text, *unit, languages()[language])
    assert new == expected
    assert not has_errors(language, new)


STAYS = [
    # The name means something else at the top level.
    "def sqrt(x):\n    return x\n\n\n«def f(x):\n    from math import sqrt\n    return sqrt(x)»\n",
    "import json as os\n\n\n«def f(x):\n    import os\n    return os.sep»\n",
    # The import depends on a condition, or is not at the start.
    "def f(x):\n    if x:\n        «import math\n        return math.pi»\n",
    "«def f(x):\n    try:\n        import math\n    except ImportError:\n        math = None\n    return math»\n",
    "«def f(x):\n    print(x)\n    import math\n    return math.pi»\n",
    # Nothing else would be left in the function.
    "«def f():\n    import readline»\n",
    # The unit starts at the top of the file.
    "«import math\n\n\ndef f():\n    return math.pi»\n",
    # The unit has no import.
    "«def f():\n    return 'import'»\n",
]


@pytest.mark.parametrize("case", STAYS)
def test_import_that_cannot_be_moved_safely_stays(case: str) -> None:
    text, unit = marked(case)
    assert hoist_imports(text, *unit, languages()["python"]) == text


def test_import_that_was_in_the_unit_before_the_edit_stays() -> None:
    old = "    def f(self):\n        import math\n        return math.pi"
    text, unit = marked("class A:\n«    def f(self):\n        import math\n        return math.pi * 2»\n")
    assert hoist_imports(text, *unit, languages()["python"], old) == text
    assert hoist_imports(text, *unit, languages()["python"]).startswith("import math\n")


def test_text_without_a_known_language_is_not_changed() -> None:
    assert hoist_imports("import a\n", 0, 8, None) == "import a\n"
