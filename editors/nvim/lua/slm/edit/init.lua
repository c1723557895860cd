-- Edits: `:Slm refactor`, `:Slm fix`, and the code actions of the server that rewrite code.

local client = require("slm.client")
local compat = require("slm.compat")
local hunks = require("slm.edit.hunks")
local notice = require("slm.notice")
local proposals = require("slm.edit.proposals")
local request = require("slm.edit.request")
local support = require("slm.support")
local view = require("slm.edit.view")

local M = {}

local REFACTOR, FIX = "slm.refactor", "slm.fix"

---Show the hunks of an answer, or why there are none.
---@param bufnr integer
---@param title string
---@param encoding "utf-8"|"utf-16"|"utf-32"
---@param answer slm.EditAnswer
local function show(bufnr, title, encoding, answer)
  if compat.version(bufnr) ~= answer.textDocument.version then
    notice.answer("the text changed, so the edit was dropped; run it again")
    return
  end
  local found = {}
  for _, raw in ipairs(answer.hunks) do
    local hunk, problem = hunks.new(bufnr, raw, encoding)
    if problem then
      notice.answer("the edit was dropped: " .. problem)
      return
    end
    table.insert(found, hunk)
  end
  if #found == 0 then
    local reason = type(answer.reason) == "string" and answer.reason or "the model proposed no change"
    notice.answer("no edit: " .. reason)
    return
  end
  proposals.show(bufnr, title, answer.verdict or {}, found)
  local first = proposals.places(bufnr)[1]
  if first and vim.api.nvim_get_current_buf() == bufnr then
    view.reveal(first.row, first.after)
  end
  local count = #found == 1 and "1 hunk" or ("%d hunks"):format(#found)
  notice.answer(count .. "; nothing is changed until you accept it")
end

---Return why no edit can be made in a buffer now; nil: it can be made.
---@param bufnr integer
---@param command string
---@return string?
local function refused(bufnr, command)
  local running = client.running()
  if not running or not client.serves(bufnr) then
    return support.unsupported_reason(bufnr) or "the server does not run; `:Slm start` starts it"
  end
  local provider = running.server_capabilities.executeCommandProvider or {}
  if not vim.tbl_contains(provider.commands or {}, command) then
    return "the server is too old to edit code; install the newest slm-lsp"
  end
  if not vim.bo[bufnr].modifiable then
    return "the buffer is not modifiable"
  end
  if request.is_running() then
    return "an edit is running; `:Slm cancel` cancels it"
  end
end

---Request an edit and show its hunks.
---@param bufnr integer
---@param command "slm.refactor"|"slm.fix"
---@param argument table the argument of the command, without `id` and `apply`
---@param title string
local function run(bufnr, command, argument, title)
  local reason = refused(bufnr, command)
  if reason then
    notice.answer(reason)
    return
  end
  local running = client.running() --[[@as vim.lsp.Client]]
  request.send(running, bufnr, command, argument, function(answer)
    if vim.api.nvim_buf_is_loaded(bufnr) then
      show(bufnr, title, running.offset_encoding, answer)
    end
  end)
end

---Return the position of a byte, in the encoding of the server.
---@param bufnr integer
---@param row integer from 0
---@param byte integer from 0
---@return lsp.Position
local function position(bufnr, row, byte)
  local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
  local running = client.running()
  local encoding = running and running.offset_encoding or "utf-16"
  return { line = row, character = compat.units(line, byte, encoding) }
end

---Return the range of whole lines; without lines, the position of the cursor.
---@param bufnr integer the current buffer
---@param lines? integer[] first and last line, from 1
---@return lsp.Range
local function selection(bufnr, lines)
  if lines then
    local last = vim.api.nvim_buf_get_lines(bufnr, lines[2] - 1, lines[2], false)[1] or ""
    return { start = position(bufnr, lines[1] - 1, 0), ["end"] = position(bufnr, lines[2] - 1, #last) }
  end
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local at = position(bufnr, row - 1, col)
  return { start = at, ["end"] = at }
end

---@param bufnr integer
---@return { uri: string, version: integer }
local function document(bufnr)
  return { uri = vim.uri_from_bufnr(bufnr), version = compat.version(bufnr) }
end

---Return the diagnostic at the cursor, otherwise the most severe one in its line.
---@param bufnr integer the current buffer
---@return vim.Diagnostic?
local function diagnostic_at_cursor(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  row = row - 1
  local found, best
  for _, each in ipairs(vim.diagnostic.get(bufnr)) do
    local end_row, end_col = each.end_lnum or each.lnum, each.end_col or each.col
    if each.lnum <= row and row <= end_row then
      local after_start = row > each.lnum or col >= each.col
      local before_end = row < end_row or col < math.max(end_col, each.col + 1)
      local rank = (after_start and before_end and 0 or 10) + (each.severity or 1)
      if not best or rank < best then
        found, best = each, rank
      end
    end
  end
  return found
end

---`:[range]Slm refactor {instruction}`. Without an instruction, ask for it.
---@param instruction string
---@param lines? integer[] first and last line, from 1
function M.refactor(instruction, lines)
  local bufnr = vim.api.nvim_get_current_buf()
  local reason = refused(bufnr, REFACTOR)
  if reason then
    notice.answer(reason)
    return
  end
  local argument = { textDocument = document(bufnr), range = selection(bufnr, lines) }
  local function start(text)
    if text and vim.trim(text) ~= "" then
      argument.instruction = vim.trim(text)
      run(bufnr, REFACTOR, argument, "refactor: " .. argument.instruction)
    end
  end
  if instruction ~= "" then
    start(instruction)
  else
    vim.ui.input({ prompt = "Refactor: " }, start)
  end
end

---Return the messages of the diagnostics that begin in lines.
---@param bufnr integer
---@param lines integer[] first and last line, from 1
---@return string? messages one per line; nil: there are no diagnostics
local function messages_in(bufnr, lines)
  local messages = {}
  for _, each in ipairs(vim.diagnostic.get(bufnr)) do
    if each.lnum >= lines[1] - 1 and each.lnum < lines[2] then
      table.insert(messages, each.message)
    end
  end
  return #messages > 0 and table.concat(messages, "\n") or nil
end

---`:[range]Slm fix {error}`. Without an error, fix the diagnostic at the cursor, or the diagnostics in the range. If
---there is no diagnostic, the server looks for the error.
---@param text string
---@param lines? integer[] first and last line, from 1
function M.fix(text, lines)
  local bufnr = vim.api.nvim_get_current_buf()
  local argument = { textDocument = document(bufnr), range = selection(bufnr, lines) }
  local found = text == "" and not lines and diagnostic_at_cursor(bufnr)
  if text ~= "" then
    argument.error = text
  elseif lines then
    argument.error = messages_in(bufnr, lines)
  elseif found then
    argument.error = found.message
    argument.range = {
      start = position(bufnr, found.lnum, found.col),
      ["end"] = position(bufnr, found.end_lnum or found.lnum, found.end_col or found.col),
    }
  end
  local title = argument.error and ("fix: %s"):format((argument.error:gsub("\n.*", ""))) or "fix"
  run(bufnr, FIX, argument, title)
end

---Cancel the running edit.
function M.cancel()
  request.cancel(request.is_running() and "the edit was cancelled" or "no edit is running")
end

---Handle a command of a code action: show its hunks instead of applying the edit at once.
---@param command lsp.Command
local function on_action(command)
  local argument = (command.arguments or {})[1] or {}
  local bufnr = vim.uri_to_bufnr(argument.textDocument.uri)
  run(bufnr, command.command, argument, command.title or command.command)
end

---@type table<string, fun(command: lsp.Command)> commands of code actions that the plugin handles itself
M.actions = { [REFACTOR] = on_action, [FIX] = on_action }

return M
