-- Requests an edit from the server and shows its progress. At most one edit runs at a time.

local compat = require("slm.compat")
local draw = require("slm.edit.draw")
local notice = require("slm.notice")
local status = require("slm.status")

---@class slm.EditAnswer
---@field hunks { range: lsp.Range, old: string, new: string }[]
---@field verdict slm.Check[]
---@field reason string|vim.NIL|nil why there are no hunks
---@field textDocument { uri: string, version: integer }

---@class slm.EditRun
---@field id string the `id` of the command's argument, and the token of its progress
---@field request integer id of the request
---@field client vim.lsp.Client
---@field bufnr integer
---@field row integer row of the progress text, from 0
---@field mark integer extmark of the progress text
---@field line_ends integer number of line ends in the streamed text

local M = {}

---@type slm.EditRun?
local current
local number = 0

local function finish()
  local run = current
  current = nil
  if run then
    draw.erase_progress(run.bufnr, run.mark)
    status.set_edit(nil)
  end
end

---@param text string
local function report(text)
  local run = current
  if run and vim.api.nvim_buf_is_loaded(run.bufnr) then
    run.mark = draw.progress(run.bufnr, run.row, text, run.mark)
    status.set_edit(text)
  end
end

---@return boolean whether an edit runs
function M.is_running()
  return current ~= nil
end

---Cancel the running edit.
---@param message string? shown to the user
function M.cancel(message)
  local run = current
  finish()
  if run then
    compat.cancel(run.client, run.request)
  end
  if message then
    notice.answer(message)
  end
end

---Drop the running edit, because the server has ended.
function M.reset()
  if current then
    finish()
    notice.answer("the server ended, so the edit was not made")
  end
end

---Cancel an edit when its buffer changes: the answer would not fit the new text.
---@param run slm.EditRun
local function cancel_on_change(run)
  local function changed()
    if current == run then
      M.cancel("the text changed, so the edit was cancelled; run it again")
    end
  end
  vim.api.nvim_buf_attach(run.bufnr, false, {
    on_lines = function()
      vim.schedule(changed)
      return true -- Detaches the callbacks from the buffer.
    end,
    on_detach = vim.schedule_wrap(changed), -- `:edit!` and unloading detach the callbacks.
  })
end

---Send a command of the server.
---@param client vim.lsp.Client
---@param bufnr integer
---@param command "slm.refactor"|"slm.fix"
---@param argument table its `id` and `apply` are set here; its `range` is where the progress is shown
---@param on_answer fun(answer: slm.EditAnswer) called if the server has answered without an error
function M.send(client, bufnr, command, argument, on_answer)
  number = number + 1
  local id = ("slm-edit-%d"):format(number)
  argument = vim.tbl_extend("force", argument, { id = id, apply = false })
  local row = math.min(argument.range.start.line, vim.api.nvim_buf_line_count(bufnr) - 1)
  ---@type slm.EditRun
  local run = { id = id, request = 0, client = client, bufnr = bufnr, row = row, mark = 0, line_ends = 0 }
  run.mark = draw.progress(bufnr, row, "waiting for the model")
  current = run
  local params = { command = command, arguments = { argument }, workDoneToken = id }
  local request = compat.request(client, "workspace/executeCommand", params, function(err, answer)
    if current ~= run then
      return -- It was cancelled.
    end
    finish()
    if err then
      notice.answer(notice.of_error(err))
    elseif answer then
      on_answer(answer)
    end
  end, bufnr)
  if not request then
    finish()
    notice.answer("the server does not run; `:Slm start` starts it")
    return
  end
  run.request = request
  report("waiting for the model")
  cancel_on_change(run)
end

---Handle `slm/stream`: a part of the text of an edit.
---@param params { id: string, kind: string, delta: string }
function M.on_stream(params)
  local run = current
  if run and params.kind == "edit" and params.id == run.id then
    run.line_ends = run.line_ends + select(2, params.delta:gsub("\n", ""))
    local lines = run.line_ends + 1
    report(("writing, %d line%s"):format(lines, lines == 1 and "" or "s"))
  end
end

---Show the progress messages of the server.
---@param group integer autocommand group
function M.watch(group)
  vim.api.nvim_create_autocmd("LspProgress", {
    group = group,
    callback = function(event)
      local params = event.data.params
      if current and params.token == current.id and params.value.kind ~= "end" then
        report(params.value.message or params.value.title or "working")
      end
    end,
  })
end

return M
