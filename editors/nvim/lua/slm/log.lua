-- The log that a user can paste into a bug report: what the client did, and what the server wrote. No code is in it.

local M = {}

local MAX_BYTES = 1024 * 1024

---@type string
M.path = vim.fs.joinpath(vim.fn.stdpath("log") --[[@as string]], "slm-lsp.log")

---Make room for a new session.
function M.open()
  vim.fn.mkdir(vim.fs.dirname(M.path), "p")
  local stat = vim.uv.fs_stat(M.path)
  if stat and stat.size > MAX_BYTES then
    os.rename(M.path, M.path .. ".old")
  end
end

---@param text string
function M.write(text)
  local file = io.open(M.path, "a")
  if file then -- A log that cannot be written is no reason to disturb anybody.
    file:write(os.date("%Y-%m-%d %H:%M:%S"), " nvim[", vim.uv.os_getpid(), "] ", text, "\n")
    file:close()
  end
end

return M
