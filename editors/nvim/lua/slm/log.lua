-- The log of the plugin and of the server's standard error. It contains no code, so it can be part of a bug report.

local M = {}

local MAX_BYTES = 1024 * 1024

---@type string
M.path = vim.fs.joinpath(vim.fn.stdpath("log") --[[@as string]], "slm-lsp.log")

---Create the log's folder, and rename a log of more than 1 MiB to `….old`.
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
  if file then -- If the log cannot be written, the line is dropped: completion works without it.
    file:write(os.date("%Y-%m-%d %H:%M:%S"), " nvim[", vim.uv.os_getpid(), "] ", text, "\n")
    file:close()
  end
end

return M
