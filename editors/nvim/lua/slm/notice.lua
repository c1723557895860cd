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

---@return boolean whether messages are shown by Neovim's own means
local function built_in()
  return debug.getinfo(vim.notify, "S").source:find("^@vim/") ~= nil
end

---Say it. Neovim stops and waits for a key when a message is wider than the screen, so that its own way of showing one
---gets the beginning; plugins that show messages elsewhere get all of it.
---@param text string
---@param level integer
local function say(text, level)
  text = "slm: " .. text
  if built_in() and vim.fn.strdisplaywidth(text) > vim.v.echospace then
    text = vim.fn.strcharpart(text, 0, math.max(0, vim.v.echospace - #MORE)) .. MORE
  end
  vim.notify(text, level)
end

---@return boolean whether "-- INSERT --" would at once take the place of a message
local function would_be_lost()
  return built_in() and vim.o.showmode and vim.api.nvim_get_mode().mode:find("^[iR]") ~= nil
end

---Say it where it is seen: at once, or when Insert mode ends.
---@param text string
---@param level integer
local function say_visibly(text, level)
  if not would_be_lost() then
    say(text, level)
    return
  end
  vim.api.nvim_create_autocmd("InsertLeave", {
    once = true,
    callback = vim.schedule_wrap(function()
      say(text, level)
    end),
  })
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
    say_visibly(text, level or vim.log.levels.WARN)
  end)
end

---Answer to a command of the user's: always shown.
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
