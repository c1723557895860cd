"""Whether a line or a block is suggested, and where a growing block ends."""

import pytest

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.shape import Shape, block_end, closes, shape_of
from slm_lsp.languages.registry import language_of

BLOCKS = {
    "def mean(values):\n    ⟦⟧": ("a.py", 0),
    "def mean(values):⟦⟧": ("a.py", 0),
    'def mean(values):\n    """The mean."""\n    ⟦⟧\n\n\nx = 1\n': ("a.py", 0),
    'def mean(values):\n    """The mean\n\n    of all.\n    """\n    # fast\n    ⟦⟧': ("a.py", 0),
    "class A:\n    def f(self):\n        ⟦⟧\n\n    def g(self):\n        pass\n": ("a.py", 4),
    "func f() {\n\t⟦⟧\n}\n": ("a.go", 0),
    "function f() {\n  if (x) {\n    ⟦⟧\n  }\n}\n": ("a.js", 2),
    "def push(item)\n  ⟦⟧\nend\n": ("a.rb", 0),
    "if x > 1 then\n  ⟦⟧\nend if\n": ("a.f90", 0),
}

LINES = {
    "def mean(values):\n    ⟦⟧\n    return total\n": "a.py",
    "total = ⟦⟧": "a.py",
    "if ⟦⟧:": "a.py",
    "func f() {\n\t⟦⟧\n\treturn 1\n}\n": "a.go",
    "# what follows:\n⟦⟧": "a.py",
    "def mean(values):\n    ⟦⟧": "notes.txt",
    "std::⟦⟧": "a.cpp",
}


def shape_at(marked: str, path: str) -> Shape:
    before, _, after = marked.partition("⟦⟧")
    return shape_of(surroundings(before + after, len(before), path))


@pytest.mark.parametrize("marked", BLOCKS)
def test_block_is_suggested_in_an_empty_block(marked: str) -> None:
    path, indent = BLOCKS[marked]
    assert shape_at(marked, path) == Shape(block=True, indent=indent)


@pytest.mark.parametrize("marked", LINES)
def test_line_is_suggested_outside_empty_blocks(marked: str) -> None:
    assert not shape_at(marked, LINES[marked]).block


@pytest.mark.parametrize(
    ("path", "answer", "before", "indent", "kept"),
    [
        ("a.py", "return 1\n\n\ndef g():", "    ", 0, "return 1\n\n"),
        ("a.py", "\n    return 1\nx = 2", "def f():", 0, "\n    return 1"),
        ("a.js", "a()\n    b()\n}\n", "    ", 0, "a()\n    b()\n}"),
        ("a.js", "a()\n  } else {\n", "    ", 2, "a()\n  }"),
        ("a.rb", "a()\nend\n\ndef g", "  ", 0, "a()\nend"),
        ("a.rb", "a()\nendpoint.call", "  ", 0, "a()"),
        ("a.rb", "a()\nen", "  ", 0, None),
        ("a.rb", "a()\nend", "  ", 0, None),
        ("a.py", "a()\nend", "    ", 0, "a()"),
        ("a.f90", "y = 1\nend", "  ", 0, None),
        ("a.f90", "y = 1\nend if\nz = 2\n", "  ", 0, "y = 1\nend if"),
        ("a.f90", "y = 1\nend_time = 2\n", "  ", 0, "y = 1"),
        ("a.cmake", "set(x 1)\nendif", "  ", 0, None),
        ("a.cmake", "set(x 1)\nendif()\n", "  ", 0, "set(x 1)\nendif()"),
        ("a.adb", "Put (1);\nend Show", "  ", 0, None),
        ("a.adb", "Put (1);\nend Show;\n\n", "  ", 0, "Put (1);\nend Show;"),
        ("a.py", "if x:\n        a()\n    else:\n        b()\n", "    ", 0, None),
        ("a.js", "a()\n}", "  ", 0, None),
        ("a.py", "", "  ", 0, None),
    ],
)
def test_block_ends_before_the_first_line_that_is_not_indented_deeper(
    path: str, answer: str, before: str, indent: int, kept: str | None
) -> None:
    end = block_end(Shape(block=True, indent=indent), answer, surroundings(before, len(before), path))
    assert (None if end is None else answer[:end]) == kept


def test_block_is_cut_at_the_maximum_number_of_lines() -> None:
    answer = "".join(f"    step_{number}()\n" for number in range(99))
    end = block_end(Shape(block=True), answer, surroundings("", 0, "a.py"))
    assert end is not None
    assert answer[:end].count("\n") == 23


CLOSING_LINES = {
    "a.rb": ["end", "  end", "end;", "}", "})"],
    "a.lua": ["end", "end,"],
    "a.sh": ["fi", "done", "esac;"],
    "a.f90": ["end", "END IF", "end do", "endif", "ENDDO", "end function", "end function mean", "end module shop"],
    "a.cob": ["END-IF", "end-perform.", "END-EVALUATE.", "END PROGRAM SHOP."],
    "a.adb": ["end;", "end if;", "end loop;", "end Show;", "end Shop.Stock;"],
    "a.pas": ["end", "end;", "end."],
    "a.vhd": ["end;", "end architecture rtl;"],
    "a.v": ["end", "endmodule", "endmodule : top"],
    "a.vim": ["endif", "endfunction", "endwhile"],
    "a.m4": ["fi"],
    "meson.build": ["endif", "endforeach"],
    "CMakeLists.txt": ["endif()", "endfunction(shop)"],
    "a.php": ["endif;", "endwhile;"],
    "a.ex": ["end"],
    "a.jl": ["end"],
    "a.vb": ["End Sub", "End If", "Next", "Next item"],
    "a.sql": ["END;", "END IF;", "END LOOP;"],
    "a.py": ["}", ")", "])", "},"],
    "a.txt": ["}"],
}

OPEN_LINES = {
    "a.rb": ["endpoint", "end_time", "end_time,", "ending", "ending,", "endians", "end_at", "done", "fi", "end.size"],
    "a.lua": ["endpoint", "end_time,", "done"],
    "a.sh": ["done_at", "finish", "esac_code", "end", "endpoint"],
    "a.f90": ["endpoint", "end_time", "ending", "done"],
    "a.cob": ["END-DATE", "END-TIME.", "ENDPOINT", "END-OF-FILE"],
    "a.adb": ["End_Time", "Ending,", "Endpoint"],
    "a.pas": ["Ending", "EndTime,", "end_date"],
    "a.sql": ["end_date", "end_time,", "endpoint"],
    "a.vb": ["EndTime", "Ending"],
    "a.py": ["end", "endpoint", "end_time,", "endpoint,", "done", "fi"],
    "a.js": ["end", "endTime,", "endpoint", "done"],
    "a.java": ["endpoint,", "end", "ending;"],
    "a.go": ["endpoint,", "done"],
    "a.txt": ["end", "endpoint", ""],
}


@pytest.mark.parametrize(("path", "line"), [(path, line) for path, lines in CLOSING_LINES.items() for line in lines])
def test_closing_keyword_of_the_language_closes_a_block(path: str, line: str) -> None:
    assert closes(line, language_of(path))


@pytest.mark.parametrize(("path", "line"), [(path, line) for path, lines in OPEN_LINES.items() for line in lines])
def test_identifier_that_starts_like_a_closing_keyword_does_not_close_a_block(path: str, line: str) -> None:
    assert not closes(line, language_of(path))
