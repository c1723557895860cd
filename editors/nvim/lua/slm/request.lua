-- Requests suggestions at the cursor. There is at most one request at a time; its answer may be streamed.

local client = require("slm.client")
local compat = require("slm.compat")
local notice = require("slm.notice")
local suggestion = require("slm.suggestion")

local M = {}

M.INVOKED, M.AUTOMATIC = 1, 2 -- lsp.InlineCompletionTriggerKind

---Error codes of requests that were cancelled or superseded by a newer request or change. They are not shown.
local superseded = { [-32800] = true, [-32801] = true, [-32802] = true }

---@class slm.Request
---@field id integer
---@field client vim.lsp.Client
---@field bufnr integer
---@field tick integer changedtick of the buffer when the request was sent
---@field cursor integer[] row and column, from 0
---@field streamed string all text streamed so far
---@field answered boolean
---@field callbacks slm.Callbacks

---@class slm.Callbacks
---@field on_partial fun(partial: slm.Suggestion) called with the text streamed so far, before the answer
---@field on_answer fun(items: slm.Suggestion[]) called with the answer
---@field on_more fun(streamed: string, done: boolean) called for text streamed after the answer: the rest of a block

---@type slm.Request?
local current

---@param request slm.Request
---@param text string
---@param range? lsp.Range
---@return slm.Suggestion? nil: the range is not in the cursor's line
local function suggestion_of(request, text, range)
  local from, to = request.cursor, request.cursor
  if range then
    local row = request.cursor[1]
    if range.start.line ~= row or range["end"].line ~= row then
      return nil -- Ghost text can only be drawn in the cursor's line.
    end
    local line = vim.api.nvim_buf_get_lines(request.bufnr, row, row + 1, false)[1] or ""
    local encoding = request.client.offset_encoding
    from = { row, compat.byte(line, range.start.character, encoding) }
    to = { row, compat.byte(line, range["end"].character, encoding) }
  end
  return suggestion.new(request.bufnr, from, to, request.cursor, text)
end

---@param request slm.Request
---@return boolean whether this is the last request and the buffer has not changed since it was sent
local function is_current(request)
  return request == current
    and vim.api.nvim_buf_is_valid(request.bufnr)
    and vim.api.nvim_buf_get_changedtick(request.bufnr) == request.tick
end

---@param request slm.Request
---@param err? table
---@param result? lsp.InlineCompletionList|lsp.InlineCompletionItem[]
local function on_answer(request, err, result)
  if err and not superseded[err.code] then
    notice.once(notice.of_error(err))
  end
  if not is_current(request) then
    return
  end
  request.answered = true
  local found = {}
  for _, item in ipairs(result and (result.items or result) or {}) do
    local text = type(item.insertText) == "table" and item.insertText.value or item.insertText
    local each = suggestion_of(request, text, item.range)
    if each then
      each.complete = true
      each.command = item.command
      table.insert(found, each)
    end
  end
  request.callbacks.on_answer(found)
end

---Send a request for the cursor position, and cancel the previous request.
---@param bufnr integer the current buffer
---@param kind integer INVOKED or AUTOMATIC
---@param callbacks slm.Callbacks
function M.send(bufnr, kind, callbacks)
  M.cancel()
  local running = client.running()
  if not running then
    return
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  cursor[1] = cursor[1] - 1
  local line = vim.api.nvim_get_current_line()
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    position = { line = cursor[1], character = compat.units(line, cursor[2], running.offset_encoding) },
    context = { triggerKind = kind },
  }
  ---@type slm.Request
  local request = {
    id = 0,
    client = running,
    bufnr = bufnr,
    tick = vim.api.nvim_buf_get_changedtick(bufnr),
    cursor = cursor,
    streamed = "",
    answered = false,
    callbacks = callbacks,
  }
  local id = compat.request(running, "textDocument/inlineCompletion", params, function(err, result)
    on_answer(request, err, result)
  end, bufnr)
  if id then
    request.id = id
    current = request
  end
end

---@param position lsp.Position
---@return boolean whether the last request was for this position, is answered, and is for the current text and cursor
function M.is_answered_at(position)
  if not M.is_for_cursor() or not current or not current.answered then
    return false
  end
  local row, col = unpack(current.cursor)
  local line = vim.api.nvim_buf_get_lines(current.bufnr, row, row + 1, false)[1] or ""
  local character = compat.units(line, col, current.client.offset_encoding)
  return position.line == row and position.character == character
end

---@return boolean whether the last request was for the current text and cursor position
function M.is_for_cursor()
  local at = vim.api.nvim_win_get_cursor(0)
  return current ~= nil
    and current.bufnr == vim.api.nvim_get_current_buf()
    and is_current(current)
    and current.cursor[1] == at[1] - 1
    and current.cursor[2] == at[2]
end

---Cancel the request, if it is not answered yet.
function M.cancel()
  local cancelled = current
  current = nil
  if cancelled and not cancelled.answered then
    compat.cancel(cancelled.client, cancelled.id)
  end
end

---Drop the request, because the server has ended.
function M.reset()
  current = nil
end

---Handle `slm/stream`: more text of the answer to a request.
---@param params { id: integer, kind: string, delta: string, done: boolean }
function M.on_stream(params)
  local request = current
  if not request or params.id ~= request.id or params.kind ~= "completion" or not is_current(request) then
    return
  end
  request.streamed = request.streamed .. (params.delta or "")
  if request.answered then
    request.callbacks.on_more(request.streamed, params.done)
    return
  end
  local partial = suggestion_of(request, request.streamed)
  if partial then
    request.callbacks.on_partial(partial)
  end
end

return M
