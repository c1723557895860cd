-- The plugin slm: code completion and edits by a small language model on this machine. See `:help slm`.

local client = require("slm.client")
local config = require("slm.config")
local cursor = require("slm.cursor")
local draw = require("slm.edit.draw")
local edit = require("slm.edit")
local edit_request = require("slm.edit.request")
local ghost = require("slm.ghost")
local keys = require("slm.keys")
local log = require("slm.log")
local notice = require("slm.notice")
local pause = require("slm.pause")
local request = require("slm.request")
local shown = require("slm.shown")
local status = require("slm.status")
local support = require("slm.support")
local typing = require("slm.typing")

local M = {}

---Attach a buffer to the server, or show once why it gets no suggestions.
---@param bufnr integer
local function attach_if_supported(bufnr)
  if vim.bo[bufnr].buftype ~= "" or vim.bo[bufnr].filetype == "" or not config.enabled_for(vim.bo[bufnr].filetype) then
    return
  end
  local reason = support.unsupported_reason(bufnr)
  if reason then
    local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(bufnr), ":t")
    local buffer = name == "" and "This buffer" or name
    notice.once(("%s gets no suggestions: %s."):format(buffer, reason), vim.log.levels.INFO)
    return
  end
  client.attach(bufnr)
end

---Start drawing suggestions in an attached buffer. Enables Neovim's own inline completion for the server if the option
---`ghost` says so, otherwise disables it, so that suggestions are not drawn twice.
---@param bufnr integer
local function on_attached(bufnr)
  local builtin = config.options.ghost == "builtin"
  if vim.lsp.inline_completion then
    vim.lsp.inline_completion.enable(builtin, { client_id = client.running().id })
  end
  if not builtin then
    typing.attach(bufnr)
  end
  if vim.api.nvim_get_current_buf() == bufnr then
    cursor.moved()
  end
end

local function define_highlights()
  ghost.define_highlights()
  draw.define_highlights()
end

---Handle `slm/stream`: a part of a suggestion or of an edit.
---@param params { kind: string }
local function on_stream(params)
  local handler = params.kind == "edit" and edit_request.on_stream or request.on_stream
  handler(params)
end

---Set up the plugin.
---@param given? table any of the fields of slm.Options
function M.setup(given)
  for _, problem in ipairs(config.set(given)) do
    notice.once(problem)
  end
  if vim.fn.has("nvim-0.10") == 0 then
    notice.once("The plugin needs Neovim 0.10 or later.")
    return
  end
  log.open()
  define_highlights()
  keys.map()
  client.listen({
    messages = { ["slm/stream"] = on_stream, ["slm/refined"] = typing.on_refined },
    actions = edit.actions,
    ready = on_attached,
    stopped = function()
      request.reset()
      edit_request.reset()
      shown.hide("ignored")
    end,
  })
  local group = vim.api.nvim_create_augroup("slm", {})
  vim.api.nvim_create_autocmd("ColorScheme", { group = group, callback = define_highlights })
  vim.api.nvim_create_autocmd({ "FileType", "BufFilePost", "BufWritePost" }, {
    group = group,
    callback = function(event)
      attach_if_supported(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd({ "BufUnload" }, {
    group = group,
    callback = function(event)
      client.detach(event.buf)
    end,
  })
  cursor.watch(group)
  typing.watch(group, client.serves)
  edit_request.watch(group)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) then
      attach_if_supported(bufnr)
    end
  end
end

---Return a short status for `%{v:lua.require'slm'.statusline()}`.
---@return string
function M.statusline()
  return status.short(pause.paused_in(vim.api.nvim_get_current_buf()))
end

---Return the last status of the server: the fields of `slm/status`.
---@return slm.Status
function M.status()
  return vim.deepcopy(status.current)
end

---Return whether ghost text is shown, for custom mappings.
---@return boolean
function M.visible()
  return shown.get() ~= nil
end

return M
