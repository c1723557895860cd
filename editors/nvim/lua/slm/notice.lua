-- Messages to the user: each once in a session of Neovim, whatever happens again. All of them are in the log too.

local log = require("slm.log")

local M = {}

local MORE = "… :Slm status"

---@type string[] everything that was said, for `:Slm status`
M.all = {}
---@type table<string, boolean>
local said = {}

---The server writes its cures for a shell; the same thing can be done from here.
---@param text string
---@return string
local function for_the_editor(text)
  return (text:gsub("`slm%-lsp models pull (%w+)`", "`:Slm pull %1`"))
end

---Say it. Neovim stops and waits for a key when a message is wider than the screen, so that its own way of showing one
---gets the beginning; plugins that show messages elsewhere get all of it.
---@param text string
---@param level integer
local function say(text, level)
  text = "slm: " .. text
  local built_in = debug.getinfo(vim.notify, "S").source:find("^@vim/") ~= nil
  if built_in and vim.fn.strdisplaywidth(text) > vim.v.echospace then
    text = vim.fn.strcharpart(text, 0, math.max(0, vim.v.echospace - #MORE)) .. MORE
  end
  vim.notify(text, level)
end

---@param text string what happened and what to do
---@param level? integer of vim.log.levels; default WARN
function M.once(text, level)
  text = for_the_editor(text)
  log.write(text)
  if said[text] then
    return
  end
  said[text] = true
  table.insert(M.all, text)
  vim.schedule(function()
    say(text, level or vim.log.levels.WARN)
  end)
end

---Answer to something the user did just now: always shown.
---@param text string
function M.answer(text)
  vim.schedule(function()
    vim.api.nvim_echo({ { "slm: " .. for_the_editor(text) } }, false, {})
  end)
end

---The user begins anew (`:Slm start`): what is still wrong may be said again.
function M.forget()
  said, M.all = {}, {}
end

return M
