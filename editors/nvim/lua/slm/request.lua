-- Asks the server for suggestions at the cursor: one request at a time, with what it streams on the way.

local client = require("slm.client")
local compat = require("slm.compat")
local notice = require("slm.notice")
local suggestion = require("slm.suggestion")

local M = {}

M.INVOKED, M.AUTOMATIC = 1, 2 -- lsp.InlineCompletionTriggerKind

---Answers that only say that something newer was asked.
local overtaken = { [-32800] = true, [-32801] = true, [-32802] = true }

---@class slm.Request
---@field id integer
---@field client vim.lsp.Client
---@field bufnr integer
---@field tick integer of the buffer when it was sent
---@field cursor integer[] row and column, from 0
---@field streamed string
---@field answered boolean
---@field hear slm.Listener

---@class slm.Listener
---@field partly fun(partial: slm.Suggestion) text that has come so far
---@field answered fun(items: slm.Suggestion[]) what counts in the end
---@field went_on fun(streamed: string, done: boolean) more of a block whose first line was the answer

---@type slm.Request?
local current

---@param request slm.Request
---@param text string
---@param range? lsp.Range
---@return slm.Suggestion?
local function made(request, text, range)
  local from, to = request.cursor, request.cursor
  if range then
    local row = request.cursor[1]
    if range.start.line ~= row or range["end"].line ~= row then
      return nil -- Ghost text stands in the cursor's line.
    end
    local line = vim.api.nvim_buf_get_lines(request.bufnr, row, row + 1, false)[1] or ""
    local encoding = request.client.offset_encoding
    from = { row, compat.byte(line, range.start.character, encoding) }
    to = { row, compat.byte(line, range["end"].character, encoding) }
  end
  return suggestion.new(request.bufnr, from, to, request.cursor, text)
end

---@param request slm.Request
---@return boolean whether the buffer is still as it was asked for
local function still_true(request)
  return request == current
    and vim.api.nvim_buf_is_valid(request.bufnr)
    and vim.api.nvim_buf_get_changedtick(request.bufnr) == request.tick
end

---@param request slm.Request
---@param err? table
---@param result? lsp.InlineCompletionList|lsp.InlineCompletionItem[]
local function on_answer(request, err, result)
  if err and not overtaken[err.code] then
    local data = type(err.data) == "table" and err.data or {}
    notice.once(data.what and vim.trim(data.what .. " " .. (data.cure or "")) or err.message)
  end
  if not still_true(request) then
    return
  end
  request.answered = true
  local found = {}
  for _, item in ipairs(result and (result.items or result) or {}) do
    local text = type(item.insertText) == "table" and item.insertText.value or item.insertText
    local each = made(request, text, item.range)
    if each then
      each.whole = true
      each.command = item.command
      table.insert(found, each)
    end
  end
  request.hear.answered(found)
end

---Ask; whatever was asked before is given up.
---@param bufnr integer the current buffer
---@param kind integer INVOKED or AUTOMATIC
---@param hear slm.Listener
function M.ask(bufnr, kind, hear)
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
    hear = hear,
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
---@return boolean whether the last request was made at this position, is answered, and neither text nor cursor changed
function M.is_answered_at(position)
  if not M.was_here() or not current or not current.answered then
    return false
  end
  local row, col = unpack(current.cursor)
  local line = vim.api.nvim_buf_get_lines(current.bufnr, row, row + 1, false)[1] or ""
  local character = compat.units(line, col, current.client.offset_encoding)
  return position.line == row and position.character == character
end

---@return boolean whether just this place of just this text was asked about
function M.was_here()
  local at = vim.api.nvim_win_get_cursor(0)
  return current ~= nil
    and current.bufnr == vim.api.nvim_get_current_buf()
    and still_true(current)
    and current.cursor[1] == at[1] - 1
    and current.cursor[2] == at[2]
end

---Give up what was asked.
function M.cancel()
  local given_up = current
  current = nil
  if given_up and not given_up.answered then
    compat.cancel(given_up.client, given_up.id)
  end
end

---The server has gone; nothing will be answered.
function M.forget()
  current = nil
end

---`slm/stream`: more of the answer to a request.
---@param params { id: integer, kind: string, delta: string, done: boolean }
function M.on_stream(params)
  local request = current
  if not request or params.id ~= request.id or params.kind ~= "completion" or not still_true(request) then
    return
  end
  request.streamed = request.streamed .. (params.delta or "")
  if request.answered then
    request.hear.went_on(request.streamed, params.done)
    return
  end
  local partial = made(request, request.streamed)
  if partial then
    request.hear.partly(partial)
  end
end

return M
