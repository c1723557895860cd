-- Prepares lines for virtual lines, which neither expand tabs to the tab stops of the buffer nor wrap.

local M = {}

---Return a line with spaces instead of tabs.
---@param line string
---@param tabstop integer
---@return string
function M.expanded(line, tabstop)
  local shown = ""
  for text, tab in line:gmatch("([^\t]*)(\t?)") do
    shown = shown .. text
    if tab ~= "" then
      shown = shown .. (" "):rep(tabstop - vim.fn.strdisplaywidth(shown) % tabstop)
    end
  end
  return shown
end

---Split a line into pieces of at most this width.
---@param line string without tabs
---@param cells integer at least 4, the width of a control character such as <80>
---@return string[] pieces at least one
function M.wrapped(line, cells)
  local pieces = {}
  while vim.fn.strdisplaywidth(line) > cells do
    local count = cells
    while vim.fn.strdisplaywidth(vim.fn.strcharpart(line, 0, count)) > cells do
      count = count - 1
    end
    table.insert(pieces, vim.fn.strcharpart(line, 0, count))
    line = vim.fn.strcharpart(line, count)
  end
  table.insert(pieces, line)
  return pieces
end

return M
