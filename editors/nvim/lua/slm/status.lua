-- The status of the server (`slm/status`) and of its process, for statuslines and `:Slm status`.

local notice = require("slm.notice")

local M = {}

local REDRAW_MS = 500

---@class slm.Status
---@field state "off"|"starting"|"idle"|"loading"|"working"|"ready"|"failed"
---@field model? string
---@field tier? string
---@field where? string
---@field tokensPerSecond? number
---@field indexed? integer
---@field reason? string

---@type slm.Status
M.current = { state = "off" }

---@type string? what a running edit does; nil: no edit runs
local edit
local redraw_pending = false

---Redraw statuslines, at most twice a second: the server's state changes with each key press.
local function schedule_redraw()
  if redraw_pending then
    return
  end
  redraw_pending = true
  vim.defer_fn(function()
    redraw_pending = false
    vim.api.nvim_exec_autocmds("User", { pattern = "SlmStatus", modeline = false })
    vim.cmd.redrawstatus()
  end, REDRAW_MS)
end

---@param status slm.Status
function M.set(status)
  M.current = {}
  for key, value in pairs(status) do
    if value ~= vim.NIL then
      M.current[key] = value
    end
  end
  if M.current.state == "failed" and M.current.reason then
    notice.once(M.current.reason)
  end
  schedule_redraw()
end

---@param text? string what a running edit does; nil: no edit runs
function M.set_edit(text)
  edit = text
  schedule_redraw()
end

---Return a short text for a statusline, for example `slm fast 42/s`, `slm writing, 3 lines`, `slm paused` or
---`slm failed`.
---@param paused? string scope in which suggestions are paused for the current buffer
---@return string
function M.short(paused)
  local now = M.current
  if edit then
    return "slm " .. edit
  elseif paused then
    return "slm paused"
  end
  local words = { "slm" }
  if now.state == "ready" or now.state == "working" then
    table.insert(words, now.tier or now.model)
    table.insert(words, now.state == "working" and "…" or nil)
    if now.state == "ready" and now.tokensPerSecond then
      table.insert(words, ("%.0f/s"):format(now.tokensPerSecond))
    end
  else
    table.insert(words, now.state)
  end
  if now.indexed and now.indexed < 100 then
    table.insert(words, ("index %d%%"):format(now.indexed))
  end
  return table.concat(words, " ")
end

---Return the whole status, one line per field.
---@return string[]
function M.lines()
  local now = M.current
  local shown = {
    { "state", now.state },
    { "reason", now.reason },
    { "model", now.model and (now.tier and ("%s (%s)"):format(now.model, now.tier) or now.model) },
    { "code", now.where == "local" and "stays on this machine" or now.where and "is sent to " .. now.where },
    { "speed", now.tokensPerSecond and ("%.1f tokens/s"):format(now.tokensPerSecond) },
    { "index", now.indexed and ("%d %%"):format(now.indexed) },
    { "edit", edit },
  }
  local lines = {}
  for _, row in pairs(shown) do
    if row[2] then
      table.insert(lines, ("%-11s %s"):format(row[1], row[2]))
    end
  end
  return lines
end

return M
