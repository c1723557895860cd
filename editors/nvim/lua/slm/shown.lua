-- The shown suggestion. There is at most one. Hiding it reports its outcome to the server.

local feedback = require("slm.feedback")
local ghost = require("slm.ghost")
local suggestion = require("slm.suggestion")

local M = {}

---@type slm.Suggestion?
local current

---@return integer[] row and column, from 0
local function cursor()
  local at = vim.api.nvim_win_get_cursor(0)
  return { at[1] - 1, at[2] }
end

---@return slm.Suggestion?
function M.get()
  return current
end

---@param new slm.Suggestion
function M.show(new)
  if current and current.bufnr ~= new.bufnr then
    M.hide("ignored")
  end
  new.partly_accepted = new.partly_accepted or (current ~= nil and current.partly_accepted)
  current = new
  ghost.draw(new, cursor())
end

---Hide the suggestion and report its outcome.
---@param outcome "accepted"|"rejected"|"ignored"
function M.hide(outcome)
  local old = current
  if not old then
    return
  end
  current = nil
  ghost.clear(old.bufnr)
  if outcome == "accepted" or not old.partly_accepted then
    feedback.send(old, outcome)
  end
end

---Update the suggestion after text or cursor changed. If the typed text matches it, draw the rest, otherwise hide it.
---@return boolean whether a suggestion is still shown
function M.follow()
  if not current then
    return false
  end
  if current.bufnr == vim.api.nvim_get_current_buf() and suggestion.follow(current, cursor()) then
    ghost.draw(current, cursor())
    return true
  end
  M.hide("ignored")
  return false
end

---Insert the suggestion or its next part into the buffer, and move the cursor to the end of the inserted text.
---@param amount "all"|"word"|"line"
---@return boolean whether a suggestion was shown
function M.accept(amount)
  local now = current
  if not now or now.bufnr ~= vim.api.nvim_get_current_buf() then
    return false
  end
  local piece = suggestion.piece(now, amount)
  local at = cursor()
  local lines = vim.split(piece, "\n", { plain = true })
  local replaced = suggestion.replaces(now, piece)
  ghost.clear(now.bufnr)
  vim.api.nvim_buf_set_text(now.bufnr, at[1], at[2], at[1], at[2] + replaced, lines)
  now.after_cursor, now.replaced = now.after_cursor:sub(replaced + 1), now.replaced - replaced
  local column = #lines == 1 and at[2] + #piece or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { at[1] + #lines, column })
  if #piece == #suggestion.rest(now) then
    M.hide("accepted")
    return true
  end
  feedback.send(now, "partial", vim.fn.strchars(now.text:sub(1, now.typed + #piece)))
  now.partly_accepted = true
  M.follow()
  return true
end

return M
