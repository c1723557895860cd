-- Tells the server what became of a suggestion. The statistics stay on this machine.

local client = require("slm.client")
local compat = require("slm.compat")

local M = {}

---@param shown slm.Suggestion
---@param kind "accepted"|"partial"|"rejected"|"ignored"
---@param characters? integer of a partial one
function M.send(shown, kind, characters)
  local command = shown.command
  local running = client.running()
  if not command or not running or not vim.api.nvim_buf_is_valid(shown.bufnr) then
    return -- A server that wants to know gives its suggestions a command.
  end
  local said = vim.tbl_extend("force", command.arguments[1], { kind = kind, characters = characters })
  local params = { command = command.command, arguments = { said } }
  compat.request(running, "workspace/executeCommand", params, function() end, shown.bufnr)
end

return M
