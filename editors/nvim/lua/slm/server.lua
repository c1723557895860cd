-- Finds the server's command: the option `cmd`, `slm-lsp` on PATH, or the workspace's own .venv, in this order.

local config = require("slm.config")

local M = {}

local MARKERS = { ".slm-lsp.toml", ".git", ".hg", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" }

local INSTALL_HINT = "Install it (see docs/editors/neovim.md) or set its path: setup{ cmd = "
  .. '"/path/to/slm-lsp" }. Then run `:Slm start`.'

---Return the workspace folder of a file: the nearest parent folder with one of `MARKERS`; nil: there is no such folder.
---@param bufnr integer
---@return string?
function M.workspace(bufnr)
  if vim.api.nvim_buf_get_name(bufnr) == "" then
    return nil
  end
  return vim.fs.root(bufnr, MARKERS)
end

---@type table<string, boolean> the user's trust decisions of this session, by path
local decisions = {}

---Return whether the user trusts a program in a workspace, which may come from an untrusted source. Neovim asks the
---user and remembers a positive answer.
---@param path string
---@return boolean
local function is_trusted(path)
  if decisions[path] == nil then
    decisions[path] = vim.secure.read(path) ~= nil
  end
  return decisions[path]
end

---Forget the decisions of this session, so that the user is asked again about programs that were not trusted.
function M.reset_trust()
  decisions = {}
end

---@param bufnr integer
---@return string[]? command without `serve --stdio`; nil: it was not found or must not be started
---@return string origin where the command was found; if it was not found, what is wrong and what to do
function M.find(bufnr)
  local cmd = config.options.cmd
  if cmd then
    local argv = type(cmd) == "string" and { cmd } or vim.deepcopy(cmd) --[[@as string[] ]]
    argv[1] = vim.fs.normalize(argv[1] or "")
    if vim.fn.executable(argv[1]) == 1 then
      return argv, "the option cmd"
    end
    local exists = vim.uv.fs_stat(argv[1]) ~= nil
    local problem = exists and "is not executable. Run `chmod +x` on it."
      or "does not exist. Correct the option `cmd` of setup()."
    return nil, ("%s %s"):format(argv[1], problem)
  end
  local on_path = vim.fn.exepath("slm-lsp")
  if on_path ~= "" then
    return { on_path }, "PATH"
  end
  local workspace = M.workspace(bufnr)
  local in_workspace = workspace and vim.fs.joinpath(workspace, ".venv", "bin", "slm-lsp")
  if not in_workspace or vim.fn.executable(in_workspace) ~= 1 then
    return nil, "slm-lsp was not found on PATH. " .. INSTALL_HINT
  end
  if not is_trusted(in_workspace) then
    return nil, ("%s is not trusted, so it is not started. `:Slm start` asks again."):format(in_workspace)
  end
  return { in_workspace }, "the workspace's .venv"
end

return M
