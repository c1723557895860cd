-- Commands for open hunks: accept, reject, next, previous, and a list of them.

local notice = require("slm.notice")
local proposals = require("slm.edit.proposals")
local view = require("slm.edit.view")

local M = {}

local NONE = "no edit is open in this buffer"
local NOT_HERE = "no hunk at the cursor; `:Slm next` goes to one"

---Call a function with the hunk at the cursor, or with all hunks of the buffer.
---@param act fun(bufnr: integer, hunks: slm.OpenHunk[])
---@param all boolean
local function on_hunks(act, all)
  local bufnr = vim.api.nvim_get_current_buf()
  local proposal = proposals.get(bufnr)
  if not proposal then
    notice.answer(NONE)
    return
  end
  local at_cursor = proposals.at_cursor(bufnr)
  if all then
    act(bufnr, proposal.hunks)
  elseif at_cursor then
    act(bufnr, { at_cursor })
  else
    notice.answer(NOT_HERE)
  end
end

---Move the cursor to a neighbouring hunk. After the last hunk comes the first one.
---@param step 1|-1
local function move(step)
  local places = proposals.places(vim.api.nvim_get_current_buf())
  if #places == 0 then
    notice.answer(NONE)
    return
  end
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local target = step == 1 and places[1] or places[#places]
  for index = step == 1 and #places or 1, step == 1 and 1 or #places, -step do
    if (places[index].row - row) * step > 0 then
      target = places[index]
    end
  end
  vim.cmd("normal! m'")
  vim.api.nvim_win_set_cursor(0, { target.row + 1, 0 })
  view.reveal(target.row, target.after)
end

---Fill the quickfix list with the open hunks of all buffers, and open it.
local function list()
  local items = {}
  for _, bufnr in ipairs(proposals.buffers()) do
    local proposal = proposals.get(bufnr) --[[@as slm.Proposal]]
    for _, place in ipairs(proposals.places(bufnr)) do
      local hunk = place.hunk
      local size = ("-%d +%d lines"):format(hunk.removed, #hunk.new)
      table.insert(items, {
        bufnr = bufnr,
        lnum = place.row + 1,
        end_lnum = place.after,
        text = ("%s, hunk %d/%d, %s"):format(proposal.title, hunk.number, proposal.total, size),
      })
    end
  end
  if #items == 0 then
    notice.answer("no edit is open")
    return
  end
  vim.fn.setqflist({}, " ", { title = "slm edits", items = items })
  vim.cmd("botright copen")
end

---@type table<string, fun()>
local actions = {
  accept = function()
    on_hunks(proposals.accept, false)
  end,
  accept_all = function()
    on_hunks(proposals.accept, true)
  end,
  reject = function()
    on_hunks(proposals.reject, false)
  end,
  reject_all = function()
    on_hunks(proposals.reject, true)
  end,
  next = function()
    move(1)
  end,
  previous = function()
    move(-1)
  end,
  list = list,
}

---@param name "accept"|"accept_all"|"reject"|"reject_all"|"next"|"previous"|"list"
function M.run(name)
  actions[name]()
end

return M
