-- Messages to the user. Each message is shown once per session of Neovim. The log contains every occurrence.

local log = require("slm.log")

local M = {}

local MORE = "… :Slm status"

---@type string[] all messages shown, for `:Slm status`
M.all = {}
---@type table<string, boolean>
local seen = {}

---Replace shell commands in a message of the server by the equivalent commands of the plugin.
---@param text string
---@return string
local function with_editor_commands(text)
  return (text:gsub("`slm%-lsp models pull (%w+)`", "`:Slm pull %1`"))
end

---@return boolean whether Neovim itself shows messages, not a plugin that replaces vim.notify
local function is_builtin_notify()
  return debug.getinfo(vim.notify, "S").source:find("^@vim/") ~= nil
end

---Truncate a message that is wider than the screen, because Neovim waits for a key press after such a message.
---@param text string
---@return string
local function truncated(text)
  if vim.fn.strdisplaywidth(text) <= vim.v.echospace then
    return text
  end
  return vim.fn.strcharpart(text, 0, math.max(0, vim.v.echospace - #MORE)) .. MORE
end

---Show a message. It is truncated if Neovim itself shows messages.
---@param text string
---@param level integer
local function show(text, level)
  text = "slm: " .. text
  vim.notify(is_builtin_notify() and truncated(text) or text, level)
end

---@return boolean whether "-- INSERT --" would overwrite a message immediately
local function would_be_overwritten()
  return is_builtin_notify() and vim.o.showmode and vim.api.nvim_get_mode().mode:find("^[iR]") ~= nil
end

---Show a message immediately, or at the end of Insert mode if it would be overwritten.
---@param text string
---@param level integer
local function show_when_visible(text, level)
  if not would_be_overwritten() then
    show(text, level)
    return
  end
  vim.api.nvim_create_autocmd("InsertLeave", {
    once = true,
    callback = vim.schedule_wrap(function()
      show(text, level)
    end),
  })
end

---Show a message, unless the same message was shown before.
---@param text string what happened and what to do
---@param level? integer of vim.log.levels; default WARN
function M.once(text, level)
  text = with_editor_commands(text)
  log.write(text)
  if seen[text] then
    return
  end
  seen[text] = true
  table.insert(M.all, text)
  vim.schedule(function()
    show_when_visible(text, level or vim.log.levels.WARN)
  end)
end

---Show the answer to a command of the user, even if it was shown before. An answer that does not fit into a line is
---truncated, and `:Slm status` shows all of it. Answers are not logged, because they can contain code.
---@param text string
function M.answer(text)
  text = with_editor_commands(text):gsub("%s*[\r\n]+%s*", " ")
  vim.schedule(function()
    local shown = truncated("slm: " .. text)
    if shown ~= "slm: " .. text and not vim.tbl_contains(M.all, text) then
      table.insert(M.all, text)
    end
    vim.api.nvim_echo({ { shown } }, false, {})
  end)
end

---Return the message of an error of the server: what happened, and what the user can do.
---@param err { message: string, data?: any }
---@return string
function M.of_error(err)
  local data = type(err.data) == "table" and err.data or {}
  local cure = type(data.cure) == "string" and data.cure or ""
  return data.what and vim.trim(data.what .. " " .. cure) or err.message
end

---Forget which messages were shown, so that they can be shown again after `:Slm start`.
function M.reset()
  seen, M.all = {}, {}
end

return M
