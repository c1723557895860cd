-- The report of `:checkhealth slm`.

local client = require("slm.client")
local config = require("slm.config")
local log = require("slm.log")
local server = require("slm.server")
local status = require("slm.status")

local M = {}

local MODELS_MS = 20000

---@param argv string[]
---@param arguments string[]
---@return table? output parsed JSON; nil: the command failed, or its output is not valid JSON
local function run_json(argv, arguments)
  local line = vim.list_extend(vim.deepcopy(argv), arguments)
  local started, result = pcall(function()
    return vim.system(line, { text = true }):wait(MODELS_MS)
  end)
  if not started or result.code ~= 0 then
    return nil
  end
  local read, answer = pcall(vim.json.decode, result.stdout)
  return read and answer or nil
end

local function check_neovim()
  if vim.fn.has("nvim-0.10") == 1 then
    vim.health.ok("Neovim " .. tostring(vim.version()))
  else
    vim.health.error("Neovim is too old", "The plugin needs Neovim 0.10 or later.")
  end
  local drawn_by = config.options.ghost == "builtin" and "vim.lsp.inline_completion" or "the plugin"
  vim.health.info("ghost text is drawn by " .. drawn_by)
end

---@return string[]?
local function check_server()
  local argv, why = server.find(vim.api.nvim_get_current_buf())
  if not argv then
    vim.health.error(why)
    return nil
  end
  vim.health.ok(("server: %s, from %s"):format(table.concat(argv, " "), why))
  return argv
end

---@param argv string[]
local function check_models(argv)
  local models = run_json(argv, { "models", "list", "--json" })
  if not models then
    vim.health.error("`slm-lsp models list` failed", "The server may be too old: install the newest slm-lsp.")
    return
  end
  local installed = {}
  for _, model in ipairs(models.models or models) do
    if model.installed then
      table.insert(installed, model.name)
    end
  end
  if #installed == 0 then
    vim.health.error("no model is installed", "Run `:Slm pull fast` to download the small one.")
  else
    vim.health.ok("models: " .. table.concat(installed, ", "))
  end
end

local function check_client()
  local running = client.running()
  if not running then
    vim.health.warn("the server does not run", "Open a file or run `:Slm start`.")
  else
    local attached = vim.tbl_count(running.attached_buffers)
    vim.health.ok(("the server runs for %d buffer%s"):format(attached, attached == 1 and "" or "s"))
  end
  for _, line in ipairs(status.lines()) do
    vim.health.info(line)
  end
end

local function check_edits()
  local running = client.running()
  local provider = running and running.server_capabilities.executeCommandProvider
  if not running then
    return
  elseif provider and vim.tbl_contains(provider.commands or {}, "slm.refactor") then
    vim.health.ok("the server can edit code: `:Slm refactor`, `:Slm fix`")
  else
    vim.health.warn("the server cannot edit code", "Install the newest slm-lsp.")
  end
  for name, key in pairs(config.options.edit_keys) do
    if key and vim.fn.maparg(key, "n") ~= "" then
      vim.health.info(("while hunks are shown, `%s` replaces your mapping of %s in Normal mode"):format(name, key))
    end
  end
end

local function check_keys()
  for name, key in pairs(config.options.keys) do
    local mapped = key and vim.fn.maparg(key, "i", false, true)
    if mapped and not (mapped.desc or ""):find("^slm:") then
      local cure = ("Map <Plug>(slm-%s), or set another key in the option `keys`."):format((name:gsub("_", "-")))
      vim.health.warn(("another mapping of %s replaced the mapping for `%s`"):format(key, name), cure)
    end
  end
end

function M.check()
  vim.health.start("slm")
  check_neovim()
  local argv = check_server()
  if argv then
    check_models(argv)
  end
  check_client()
  check_edits()
  check_keys()
  vim.health.info("log: " .. log.path)
  vim.health.info("`:Slm doctor` checks the server and measures its speed on this machine")
end

return M
