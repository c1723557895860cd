-- Hunks as values: converts a hunk of the server's answer into whole lines of the buffer. Does not draw or edit.

local compat = require("slm.compat")

---@class slm.Hunk
---@field row integer first tracked row, from 0
---@field old string[] tracked lines: the lines that the hunk replaces, or the line beside an insertion
---@field skip integer number of tracked lines before the place where `new` is inserted: 1 for most insertions, else 0
---@field removed integer number of lines that the hunk replaces; 0 for an insertion
---@field new string[] the new lines

local M = {}

---Split a text of the server into lines of the buffer.
---@param text string
---@param fileformat string value of the option 'fileformat', which sets the line ends that Neovim sends to the server
---@return string[]
local function split(text, fileformat)
  if fileformat == "dos" then
    text = text:gsub("\r\n", "\n")
  end
  return vim.split(text, fileformat == "mac" and "\r" or "\n", { plain = true })
end

---@param bufnr integer
---@param row integer
---@return string line an empty string for the row after the last line
local function line_at(bufnr, row)
  return vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
end

---Remove the last line if it is only the empty text after a final line end.
---@param lines string[]
local function remove_empty_end(lines)
  if lines[#lines] == "" then
    table.remove(lines)
  end
end

---Remove equal lines from the beginning and the end of both lists.
---@param old string[]
---@param new string[]
---@return integer first number of lines removed from the beginning
local function trim(old, new)
  while #old > 0 and #new > 0 and old[#old] == new[#new] do
    table.remove(old)
    table.remove(new)
  end
  local first = 0
  while #old > 0 and #new > 0 and old[1] == new[1] do
    table.remove(old, 1)
    table.remove(new, 1)
    first = first + 1
  end
  return first
end

---Return the hunk that inserts lines. It tracks the line before them, or the first line of the buffer.
---@param bufnr integer
---@param row integer
---@param new string[]
---@return slm.Hunk
local function insertion(bufnr, row, new)
  local skip = row > 0 and 1 or 0
  return { row = row - skip, old = { line_at(bufnr, row - skip) }, skip = skip, removed = 0, new = new }
end

---Convert a hunk of the server's answer. Line ends and the missing end of the last line ('noendofline') stay as they
---are in the buffer.
---@param bufnr integer
---@param raw { range: lsp.Range, old: string, new: string }
---@param encoding "utf-8"|"utf-16"|"utf-32" encoding of the positions in `range`
---@return slm.Hunk? hunk nil: the hunk changes nothing, or does not fit the buffer
---@return string? problem why the hunk does not fit; nil: it changes nothing
function M.new(bufnr, raw, encoding)
  local from, to = raw.range.start, raw.range["end"]
  local count = vim.api.nvim_buf_line_count(bufnr)
  local first, last = line_at(bufnr, from.line), line_at(bufnr, to.line)
  local before = first:sub(1, compat.byte(first, from.character, encoding))
  local after = last:sub(compat.byte(last, to.character, encoding) + 1)
  local fileformat = vim.bo[bufnr].fileformat
  local old = split(before .. raw.old .. after, fileformat)
  local new = split(before .. raw.new .. after, fileformat)
  if to.line == count then -- The range includes the last line end, so both texts end with an empty line.
    remove_empty_end(old)
    remove_empty_end(new)
  elseif to.line == count - 1 and after == "" and not vim.bo[bufnr].endofline and old[#old] ~= "" then
    remove_empty_end(new)
  end
  if not vim.deep_equal(old, vim.api.nvim_buf_get_lines(bufnr, from.line, to.line + 1, false)) then
    return nil, ("the text in line %d is not the text that the server has edited"):format(from.line + 1)
  end
  local row = from.line + trim(old, new)
  if #old == 0 and #new == 0 then
    return nil
  elseif #old == 0 then
    return insertion(bufnr, row, new)
  end
  return { row = row, old = old, skip = 0, removed = #old, new = new }
end

return M
