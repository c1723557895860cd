-- slm: completions from a small language model on this machine, as ghost text. `:help slm`

local client = require("slm.client")
local commands = require("slm.commands")
local config = require("slm.config")
local cursor = require("slm.cursor")
local ghost = require("slm.ghost")
local keys = require("slm.keys")
local log = require("slm.log")
local notice = require("slm.notice")
local pause = require("slm.pause")
local request = require("slm.request")
local shown = require("slm.shown")
local status = require("slm.status")
local typing = require("slm.typing")

local M = {}

---Complete a buffer, if it is one that can be.
---@param bufnr integer
local function consider(bufnr)
  if vim.bo[bufnr].buftype ~= "" or vim.bo[bufnr].filetype == "" or not config.wants(vim.bo[bufnr].filetype) then
    return
  end
  local why = commands.why_not(bufnr)
  if why then
    local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(bufnr), ":t")
    notice.once(("%s is not completed: %s."):format(name == "" and "This buffer" or name, why), vim.log.levels.INFO)
    return
  end
  client.attach(bufnr)
end

---Where ghost text is drawn by Neovim, it is switched on for our server; else it is kept from drawing it too.
---@param bufnr integer
local function ready(bufnr)
  local builtin = config.options.ghost == "builtin"
  if vim.lsp.inline_completion then
    vim.lsp.inline_completion.enable(builtin, { client_id = client.running().id })
  end
  if not builtin then
    typing.begin(bufnr)
  end
  if vim.api.nvim_get_current_buf() == bufnr then
    cursor.moved()
  end
end

---@param given? table slm.Options, any of them
function M.setup(given)
  for _, problem in ipairs(config.set(given)) do
    notice.once(problem)
  end
  if vim.fn.has("nvim-0.10") == 0 then
    notice.once("Neovim 0.10 or later is needed.")
    return
  end
  log.open()
  ghost.define_highlights()
  keys.map()
  client.listen({
    messages = { ["slm/stream"] = request.on_stream, ["slm/refined"] = typing.on_refined },
    ready = ready,
    gone = function()
      request.forget()
      shown.hide("ignored")
    end,
  })
  local group = vim.api.nvim_create_augroup("slm", {})
  vim.api.nvim_create_autocmd("ColorScheme", { group = group, callback = ghost.define_highlights })
  vim.api.nvim_create_autocmd({ "FileType", "BufFilePost", "BufWritePost" }, {
    group = group,
    callback = function(event)
      consider(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd({ "BufUnload" }, {
    group = group,
    callback = function(event)
      client.forget(event.buf)
    end,
  })
  cursor.watch(group)
  typing.watch(group, client.serves)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) then
      consider(bufnr)
    end
  end
end

---For a statusline: `%{v:lua.require'slm'.statusline()}`
---@return string
function M.statusline()
  return status.short(pause.covers(vim.api.nvim_get_current_buf()))
end

---What the server says about itself: the fields of `slm/status`.
---@return slm.Status
function M.status()
  return vim.deepcopy(status.current)
end

---Whether ghost text is shown, for mappings of one's own.
---@return boolean
function M.visible()
  return shown.get() ~= nil
end

return M
