-- Reports the outcome of suggestions to the server, which keeps statistics on this machine.

local client = require("slm.client")
local compat = require("slm.compat")

local M = {}

---@param shown slm.Suggestion
---@param kind "accepted"|"partial"|"rejected"|"ignored"
---@param characters? integer number of characters accepted so far, if kind is "partial"
function M.send(shown, kind, characters)
  local command = shown.command
  local running = client.running()
  if not command or not running or not vim.api.nvim_buf_is_valid(shown.bufnr) then
    return -- Without a command, the server keeps no statistics.
  end
  local outcome = vim.tbl_extend("force", command.arguments[1], { kind = kind, characters = characters })
  local params = { command = command.command, arguments = { outcome } }
  compat.request(running, "workspace/executeCommand", params, function() end, shown.bufnr)
end

return M
