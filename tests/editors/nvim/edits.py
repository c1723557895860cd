"""Helpers for tests of edits: hunks in the format of the server, and what the plugin shows of them."""

from typing import Any

from slm_lsp.bench.nvim_screen import Neovim
from slm_lsp.features.edit.hunks import hunks

CHECKS = [
    {"check": "parsed", "result": "passed", "evidence": ""},
    {"check": "compiled", "result": "not available", "evidence": "no compiler"},
]

SHOWN = """
local namespace = vim.api.nvim_get_namespaces()["slm.edit"]
local found = {}
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
  local text = {}
  for _, line in ipairs(mark[4].virt_lines or {}) do
    table.insert(text, table.concat(vim.tbl_map(function(chunk) return chunk[1] end, line)))
  end
  table.insert(found, { row = mark[2], end_row = mark[4].end_row, group = mark[4].hl_group, lines = text })
end
return found
"""


def position(text: str, offset: int) -> dict[str, int]:
    """Return the LSP position of an offset, in UTF-16 code units."""
    line = text.count("\n", 0, offset)
    start = text.rfind("\n", 0, offset) + 1
    return {"line": line, "character": len(text[start:offset].encode("utf-16-le")) // 2}


def edit(old: str, new: str, **more: Any) -> dict[str, Any]:
    """Return the scripted answer that changes one text into another."""
    found = [
        {
            "range": {"start": position(old, each.start), "end": position(old, each.end)},
            "old": each.old,
            "new": each.new,
        }
        for each in hunks(old, new)
    ]
    return {"hunks": found, "verdict": CHECKS, **more}


def old_lines(nvim: Neovim) -> list[tuple[int, int]]:
    """Return the first row and the row after the last one of each highlighted region of old lines."""
    return [(each["row"], each["end_row"]) for each in nvim.lua(SHOWN) if each.get("group") == "SlmEditOld"]


def new_lines(nvim: Neovim) -> list[list[str]]:
    """Return the virtual lines of each hunk that is shown."""
    return [each["lines"] for each in nvim.lua(SHOWN) if each["lines"]]


def edit_keys(nvim: Neovim) -> list[str]:
    """Return the keys that the plugin has mapped in the current buffer."""
    mapped = nvim.api.current.buffer.request("nvim_buf_get_keymap", "n")
    return sorted(each["lhs"] for each in mapped if each.get("desc", "").startswith("slm:"))
