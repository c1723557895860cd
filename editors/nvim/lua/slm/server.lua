-- Where the server's command is: the option `cmd`, `slm-lsp` on PATH, the workspace's own .venv.

local config = require("slm.config")

local M = {}

local MARKERS = { ".slm-lsp.toml", ".git", ".hg", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" }

local HOW_TO_GET = "Install it as docs/editors/neovim.md says, or name it: setup{ cmd = "
  .. '"/path/to/slm-lsp" }; then `:Slm start`.'

---The folder a file belongs to; nil: it lies outside any.
---@param bufnr integer
---@return string?
function M.workspace(bufnr)
  if vim.api.nvim_buf_get_name(bufnr) == "" then
    return nil
  end
  return vim.fs.root(bufnr, MARKERS)
end

---@type table<string, boolean> what the user answered in this session
local answers = {}

---A program from a folder that may come from anywhere runs only if the user trusts it; Neovim asks, and remembers.
---@param path string
---@return boolean
local function trusted(path)
  if answers[path] == nil then
    answers[path] = vim.secure.read(path) ~= nil
  end
  return answers[path]
end

---Ask anew about what the user did not trust.
function M.ask_again()
  answers = {}
end

---@param bufnr integer
---@return string[]? command without `serve --stdio`
---@return string why: where it was found, or what is wrong and what to do
function M.find(bufnr)
  local cmd = config.options.cmd
  if cmd then
    local argv = type(cmd) == "string" and { cmd } or vim.deepcopy(cmd) --[[@as string[] ]]
    argv[1] = vim.fs.normalize(argv[1] or "")
    if vim.fn.executable(argv[1]) == 1 then
      return argv, "the option cmd"
    end
    local is_there = vim.uv.fs_stat(argv[1]) ~= nil
    local wrong = is_there and "may not be run: `chmod +x` it." or "is not there. Correct the option cmd of setup()."
    return nil, ("%s %s"):format(argv[1], wrong)
  end
  local on_path = vim.fn.exepath("slm-lsp")
  if on_path ~= "" then
    return { on_path }, "PATH"
  end
  local workspace = M.workspace(bufnr)
  local own = workspace and vim.fs.joinpath(workspace, ".venv", "bin", "slm-lsp")
  if not own or vim.fn.executable(own) ~= 1 then
    return nil, "There is no slm-lsp on PATH. " .. HOW_TO_GET
  end
  if not trusted(own) then
    return nil, ("%s is not trusted, so it is not started. `:Slm start` asks again."):format(own)
  end
  return { own }, "the workspace's .venv"
end

return M
