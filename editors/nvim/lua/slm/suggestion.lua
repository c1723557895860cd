-- A suggestion as a value: its text, its position, and how much of it is in the buffer already. Does not draw.

---@class slm.Suggestion
---@field bufnr integer
---@field text string the whole text; lines are separated by "\n"
---@field row integer row where `text` begins, from 0
---@field col integer column where `text` begins, in bytes
---@field typed integer number of bytes of `text` that are in the buffer already
---@field after_cursor string the rest of the line after the cursor
---@field replaced integer number of bytes of `after_cursor` that the suggestion replaces
---@field complete boolean whether `text` is from the final answer, not from a streamed part
---@field command? lsp.Command the command that reports the outcome of the suggestion to the server
---@field partly_accepted boolean whether a word or line of the suggestion was accepted

local M = {}

---@param bufnr integer
---@param from integer[] row and column where the text begins
---@param to integer[] row and column where the range that it replaces ends
---@param cursor integer[] row and column, from 0
---@param text string
---@return slm.Suggestion? nil: the suggestion would insert nothing at the cursor
function M.new(bufnr, from, to, cursor, text)
  text = text:gsub("\r\n?", "\n")
  local line = vim.api.nvim_buf_get_lines(bufnr, cursor[1], cursor[1] + 1, false)[1] or ""
  ---@type slm.Suggestion
  local new = {
    bufnr = bufnr,
    text = text,
    row = from[1],
    col = from[2],
    typed = 0,
    after_cursor = line:sub(cursor[2] + 1),
    replaced = to[1] == cursor[1] and math.max(0, to[2] - cursor[2]) or 0,
    complete = false,
    partly_accepted = false,
  }
  return M.follow(new, cursor) and new or nil
end

---Return the text that is not yet in the buffer.
---@param self slm.Suggestion
---@return string
function M.rest(self)
  return self.text:sub(self.typed + 1)
end

---Update the suggestion after typing or cursor moves.
---@param self slm.Suggestion
---@param cursor integer[] row and column, from 0
---@return boolean whether the typed text matches the suggestion and some of it is left
function M.follow(self, cursor)
  local row, col = cursor[1], cursor[2]
  if row < self.row or (row == self.row and col < self.col) then
    return false
  end
  local line = vim.api.nvim_buf_get_lines(self.bufnr, row, row + 1, false)[1]
  if not line or line:sub(col + 1) ~= self.after_cursor then
    return false
  end
  local ok, lines = pcall(vim.api.nvim_buf_get_text, self.bufnr, self.row, self.col, row, col, {})
  if not ok then
    return false
  end
  local typed = table.concat(lines, "\n")
  if self.text:sub(1, #typed) ~= typed or #typed == #self.text then
    return false
  end
  self.typed = #typed
  return M.layout(self) ~= nil
end

---@class slm.Layout
---@field first string text drawn at the cursor
---@field tail string text drawn after the replaced text
---@field below string[] the second and all later lines

---Split the text into the parts that are drawn around the text it replaces.
---@param self slm.Suggestion
---@return slm.Layout? nil: the replaced text does not occur in the suggestion, so ghost text cannot show the change
function M.layout(self)
  local lines = vim.split(M.rest(self), "\n", { plain = true })
  local first = table.remove(lines, 1)
  if self.replaced == 0 then
    return { first = first, tail = "", below = lines }
  end
  local at = M.last_of(first, self.after_cursor:sub(1, self.replaced))
  return at and { first = first:sub(1, at - 1), tail = first:sub(at + self.replaced), below = lines } or nil
end

---Return the position of the last occurrence of `part` in `text`; nil: `part` does not occur.
---@param text string
---@param part string
---@return integer?
function M.last_of(text, part)
  local from, found = 1, nil
  repeat
    local at = text:find(part, from, true)
    found, from = at or found, (at or 0) + 1
  until not at
  return found
end

---Return the part of the remaining text that a key accepts.
---@param self slm.Suggestion
---@param amount "all"|"word"|"line"
---@return string
function M.piece(self, amount)
  local rest = M.rest(self)
  if amount == "word" then
    -- Bytes from 128 on belong to non-ASCII characters, which count as letters.
    return rest:match("^%s*[%w_\128-\255]+") or rest:match("^%s*[^%w%s_\128-\255]+") or rest
  elseif amount == "line" then
    return rest:match("^\n?[^\n]*")
  end
  return rest
end

---Return how many bytes after the cursor to replace when a part is accepted: 0 if the rest of the suggestion's line
---still contains the replaced text, otherwise all bytes that the suggestion replaces.
---@param self slm.Suggestion
---@param piece string
---@return integer
function M.replaces(self, piece)
  if self.replaced == 0 then
    return 0
  end
  local left = M.rest(self):sub(#piece + 1):match("^[^\n]*")
  local repeats = piece:find("\n", 1, true) == nil and M.last_of(left, self.after_cursor:sub(1, self.replaced)) ~= nil
  return repeats and 0 or self.replaced
end

return M
