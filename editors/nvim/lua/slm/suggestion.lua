-- A suggestion as a value: what it says, where, and how much of it stands in the buffer already. Draws nothing.

---@class slm.Suggestion
---@field bufnr integer
---@field text string all of it, lines ended by "\n"
---@field row integer where it begins, from 0
---@field col integer in bytes
---@field typed integer bytes of `text` that stand between its beginning and the cursor
---@field behind string the rest of the line behind the cursor
---@field replaced integer bytes of `behind` that it replaces
---@field whole boolean the answer has come, and no more of it is on its way
---@field command? lsp.Command tells the server what became of it
---@field used boolean a word or a line of it was accepted

local M = {}

---@param bufnr integer
---@param from integer[] row and column where the text begins
---@param to integer[] row and column where the range that it replaces ends
---@param cursor integer[] row and column, from 0
---@param text string
---@return slm.Suggestion? nil: it says nothing at the cursor
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
    behind = line:sub(cursor[2] + 1),
    replaced = to[1] == cursor[1] and math.max(0, to[2] - cursor[2]) or 0,
    whole = false,
    used = false,
  }
  return M.follow(new, cursor) and new or nil
end

---What is still to be inserted.
---@param self slm.Suggestion
---@return string
function M.rest(self)
  return self.text:sub(self.typed + 1)
end

---Take note of what was typed: whether it goes on as the suggestion does.
---@param self slm.Suggestion
---@param cursor integer[] row and column, from 0
---@return boolean
function M.follow(self, cursor)
  local row, col = cursor[1], cursor[2]
  if row < self.row or (row == self.row and col < self.col) then
    return false
  end
  local line = vim.api.nvim_buf_get_lines(self.bufnr, row, row + 1, false)[1]
  if not line or line:sub(col + 1) ~= self.behind then
    return false
  end
  local known, lines = pcall(vim.api.nvim_buf_get_text, self.bufnr, self.row, self.col, row, col, {})
  if not known then
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
---@field first string what stands at the cursor
---@field tail string what stands behind the text that it replaces
---@field below string[] further lines

---How it is shown between what stands there; nil: it replaces text in a way that ghost text cannot show.
---@param self slm.Suggestion
---@return slm.Layout?
function M.layout(self)
  local lines = vim.split(M.rest(self), "\n", { plain = true })
  local first = table.remove(lines, 1)
  if self.replaced == 0 then
    return { first = first, tail = "", below = lines }
  end
  local at = M.last_of(first, self.behind:sub(1, self.replaced))
  return at and { first = first:sub(1, at - 1), tail = first:sub(at + self.replaced), below = lines } or nil
end

---Where a text occurs last in another; nil: nowhere.
---@param text string
---@param wanted string
---@return integer?
function M.last_of(text, wanted)
  local from, found = 1, nil
  repeat
    local at = text:find(wanted, from, true)
    found, from = at or found, (at or 0) + 1
  until not at
  return found
end

---What one key accepts.
---@param self slm.Suggestion
---@param amount "all"|"word"|"line"
---@return string
function M.piece(self, amount)
  local rest = M.rest(self)
  if amount == "word" then
    -- Bytes from 128 on are parts of letters that are no ASCII.
    return rest:match("^%s*[%w_\128-\255]+") or rest:match("^%s*[^%w%s_\128-\255]+") or rest
  elseif amount == "line" then
    return rest:match("^\n?[^\n]*")
  end
  return rest
end

---How many bytes behind the cursor a piece replaces: all that the suggestion does, once what repeats them is in it.
---@param self slm.Suggestion
---@param piece string
---@return integer
function M.replaces(self, piece)
  if self.replaced == 0 then
    return 0
  end
  local left = M.rest(self):sub(#piece + 1):match("^[^\n]*")
  local repeats = piece:find("\n", 1, true) == nil and M.last_of(left, self.behind:sub(1, self.replaced)) ~= nil
  return repeats and 0 or self.replaced
end

return M
