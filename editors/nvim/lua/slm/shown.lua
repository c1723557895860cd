-- The suggestion on the screen: there is at most one, and whoever takes it away says why.

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
  new.used = new.used or (current ~= nil and current.used)
  current = new
  ghost.draw(new, cursor())
end

---@param became "accepted"|"rejected"|"ignored"
function M.hide(became)
  local old = current
  if not old then
    return
  end
  current = nil
  ghost.clear(old.bufnr)
  if became == "accepted" or not old.used then
    feedback.send(old, became)
  end
end

---The text round the cursor changed: keep what still fits.
---@return boolean whether something is still shown
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

---Put what is shown, or a part of it, into the buffer, and the cursor behind it.
---@param amount "all"|"word"|"line"
---@return boolean whether there was something
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
  now.behind, now.replaced = now.behind:sub(replaced + 1), now.replaced - replaced
  local column = #lines == 1 and at[2] + #piece or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { at[1] + #lines, column })
  if #piece == #suggestion.rest(now) then
    M.hide("accepted")
    return true
  end
  feedback.send(now, "partial", vim.fn.strchars(now.text:sub(1, now.typed + #piece)))
  now.used = true
  M.follow()
  return true
end

return M
