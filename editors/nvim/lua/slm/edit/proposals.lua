-- The open proposals: at most one per buffer. The buffer changes only when a hunk is accepted.

local draw = require("slm.edit.draw")
local keys = require("slm.edit.keys")
local notice = require("slm.notice")

---@class slm.Check
---@field check string name of the check
---@field result "passed"|"failed"|"not available"
---@field evidence string

---@class slm.OpenHunk: slm.Hunk
---@field number integer number of the hunk in its proposal, from 1
---@field mark integer extmark that covers the tracked lines
---@field below integer extmark of the virtual lines

---@class slm.Proposal
---@field bufnr integer
---@field title string what the user asked for
---@field verdict slm.Check[] for all hunks together
---@field hunks slm.OpenHunk[] the hunks that are open, from top to bottom
---@field total integer number of hunks, including closed ones
---@field accepted integer number of accepted hunks

local M = {}

---@type table<integer, slm.Proposal> by buffer
local open = {}

---@param proposal slm.Proposal
---@param hunk slm.OpenHunk
local function close(proposal, hunk)
  draw.erase(proposal.bufnr, hunk)
  proposal.hunks = vim.tbl_filter(function(each)
    return each ~= hunk
  end, proposal.hunks)
end

---Forget a proposal if it has no open hunks.
---@param proposal slm.Proposal
---@param message? string shown to the user; default: how many hunks were accepted
local function finish_if_empty(proposal, message)
  if #proposal.hunks == 0 and open[proposal.bufnr] == proposal then
    open[proposal.bufnr] = nil
    keys.unmap(proposal.bufnr)
    notice.answer(message or ("%d of %d hunks accepted"):format(proposal.accepted, proposal.total))
  end
end

---Return the row of a hunk's first tracked line.
---@param proposal slm.Proposal
---@param hunk slm.OpenHunk
---@return integer? row nil: the tracked lines have changed
local function row_of(proposal, hunk)
  local first, after = draw.place(proposal.bufnr, hunk)
  if not first then
    return nil
  end
  local lines = vim.api.nvim_buf_get_lines(proposal.bufnr, first, after --[[@as integer]], false)
  return vim.deep_equal(lines, hunk.old) and first or nil
end

---Close the hunks whose lines were edited.
---@param proposal slm.Proposal
local function drop_changed(proposal)
  local dropped = 0
  for _, hunk in ipairs(proposal.hunks) do
    if not row_of(proposal, hunk) then
      close(proposal, hunk)
      dropped = dropped + 1
    end
  end
  if dropped > 0 then
    local what = dropped == 1 and "1 hunk was dropped" or ("%d hunks were dropped"):format(dropped)
    local message = what .. ", because the text there changed"
    notice.answer(message)
    finish_if_empty(proposal, message)
  end
end

---Call `drop_changed` after each change of the buffer.
---@param proposal slm.Proposal
local function watch(proposal)
  local scheduled = false
  local function changed()
    if open[proposal.bufnr] ~= proposal then
      return true -- Detaches this callback from the buffer.
    end
    if not scheduled then
      scheduled = true
      vim.schedule(function()
        scheduled = false
        if open[proposal.bufnr] == proposal and vim.api.nvim_buf_is_loaded(proposal.bufnr) then
          drop_changed(proposal)
        end
      end)
    end
  end
  vim.api.nvim_buf_attach(proposal.bufnr, false, {
    on_lines = changed,
    on_reload = changed,
    on_detach = vim.schedule_wrap(function() -- `:edit!` and unloading detach the callbacks.
      if open[proposal.bufnr] == proposal then
        M.close_all(proposal.bufnr)
        notice.answer("the hunks were dropped, because the buffer was reloaded or unloaded")
      end
    end),
  })
end

---Show hunks in a buffer. They replace the hunks that are open in it.
---@param bufnr integer
---@param title string
---@param verdict slm.Check[]
---@param hunks slm.Hunk[] at least one, from top to bottom
function M.show(bufnr, title, verdict, hunks)
  M.close_all(bufnr)
  ---@type slm.Proposal
  local proposal = { bufnr = bufnr, title = title, verdict = verdict, hunks = {}, total = #hunks, accepted = 0 }
  for number, hunk in ipairs(hunks) do
    local shown = vim.tbl_extend("force", hunk, { number = number, mark = 0, below = 0 })
    draw.draw(proposal, shown)
    table.insert(proposal.hunks, shown)
  end
  open[bufnr] = proposal
  keys.map(bufnr)
  watch(proposal)
end

---Close all hunks of a buffer without a message.
---@param bufnr integer
function M.close_all(bufnr)
  local proposal = open[bufnr]
  if proposal then
    open[bufnr] = nil
    for _, hunk in ipairs(proposal.hunks) do
      draw.erase(bufnr, hunk)
    end
    keys.unmap(bufnr)
  end
end

---@param bufnr integer
---@return slm.Proposal?
function M.get(bufnr)
  return open[bufnr]
end

---@param bufnr integer
---@return slm.Check[] verdict on the edit that is open in the buffer
function M.verdict(bufnr)
  return open[bufnr] and open[bufnr].verdict or {}
end

---Return the rows of the open hunks of a buffer.
---@param bufnr integer
---@return { hunk: slm.OpenHunk, row: integer, after: integer }[] places from top to bottom. `row` is the first line
---  that the hunk replaces, or the line beside an insertion; `after` is the row after the last one.
function M.places(bufnr)
  local places = {}
  local proposal = open[bufnr]
  for _, hunk in ipairs(proposal and proposal.hunks or {}) do
    local row, after = draw.place(bufnr, hunk)
    if row then
      table.insert(places, { hunk = hunk, row = row, after = after })
    end
  end
  return places
end

---@return integer[] buffers with open hunks
function M.buffers()
  local buffers = vim.tbl_keys(open)
  table.sort(buffers)
  return buffers
end

---Return the hunk at the cursor, or the only open hunk.
---@param bufnr integer the current buffer
---@return slm.OpenHunk?
function M.at_cursor(bufnr)
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local places = M.places(bufnr)
  for _, place in ipairs(places) do
    if row >= place.row and row < place.after then
      return place.hunk
    end
  end
  return #places == 1 and places[1].hunk or nil
end

---Accept hunks of a buffer. All of them together are one undo step.
---@param bufnr integer the current buffer
---@param hunks slm.OpenHunk[] from top to bottom
function M.accept(bufnr, hunks)
  local proposal = open[bufnr]
  if not proposal then
    return
  end
  if not vim.bo[bufnr].modifiable then
    notice.answer("the buffer is not modifiable, so nothing is accepted")
    return
  end
  drop_changed(proposal)
  vim.cmd("let &g:undolevels = &g:undolevels") -- Starts a new undo step, also if a script calls this function.
  for index = #hunks, 1, -1 do
    local hunk = hunks[index]
    local row = row_of(proposal, hunk)
    if row and vim.tbl_contains(proposal.hunks, hunk) then
      close(proposal, hunk)
      proposal.accepted = proposal.accepted + 1
      local from = row + hunk.skip
      vim.api.nvim_buf_set_lines(bufnr, from, from + hunk.removed, true, hunk.new)
    end
  end
  finish_if_empty(proposal)
end

---Close hunks of a buffer without changing the text.
---@param bufnr integer
---@param hunks slm.OpenHunk[]
function M.reject(bufnr, hunks)
  local proposal = open[bufnr]
  if not proposal then
    return
  end
  for _, hunk in ipairs(hunks) do
    close(proposal, hunk)
  end
  finish_if_empty(proposal)
end

return M
