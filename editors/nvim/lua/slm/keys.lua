-- Keys in insert mode. Each acts only while there is something to act on; else it is what it was before.

local config = require("slm.config")
local shown = require("slm.shown")
local typing = require("slm.typing")

local M = {}

local function is_shown()
  return shown.get() ~= nil
end

---@class slm.Action
---@field ready fun(): boolean
---@field run fun()
---@field edits boolean it changes the text: one step of undo of its own

---@type table<string, slm.Action>
local actions = {
  accept = {
    ready = is_shown,
    edits = true,
    run = function()
      shown.accept("all")
    end,
  },
  accept_word = {
    ready = is_shown,
    edits = true,
    run = function()
      shown.accept("word")
    end,
  },
  accept_line = {
    ready = is_shown,
    edits = true,
    run = function()
      shown.accept("line")
    end,
  },
  dismiss = {
    ready = is_shown,
    edits = false,
    run = function()
      typing.leave("rejected")
    end,
  },
  next = {
    ready = function()
      return require("slm.client").serves(vim.api.nvim_get_current_buf())
    end,
    edits = false,
    run = function()
      typing.next()
    end,
  },
}

---Neovim's own inline completion (0.12) knows two of them; its functions say whether there was something.
---@type table<string, fun(): boolean>
local builtin = {
  accept = function()
    return vim.lsp.inline_completion.get()
  end,
  next = function()
    vim.lsp.inline_completion.select()
    return true
  end,
}

---@param name string
function M.run(name)
  actions[name].run()
end

local function plug(name)
  return ("<Plug>(slm-%s)"):format((name:gsub("_", "-")))
end

local function otherwise(name)
  return ("<Plug>(slm-otherwise-%s)"):format((name:gsub("_", "-")))
end

---Keep what a key did before, so that it goes on doing so.
---@param name string
---@param key string
local function keep(name, key)
  local before = vim.fn.maparg(key, "i", false, true)
  if vim.tbl_isempty(before) then
    vim.keymap.set("i", otherwise(name), key, { desc = "slm: " .. key .. " as ever" })
  elseif not (before.desc or ""):find("^slm:") then
    before.lhs, before.lhsrawalt = otherwise(name), nil
    before.lhsraw = vim.api.nvim_replace_termcodes(before.lhs, true, true, true)
    vim.fn.mapset("i", false, before)
  end
end

---Map `<Plug>(slm-…)` and the keys that the user chose.
function M.map()
  for name, action in pairs(actions) do
    local run = ("<Cmd>lua require('slm.keys').run('%s')<CR>"):format(name)
    -- CTRL-G u ends a step of undo: before, so that taking it back spares what was typed; behind, the other way round.
    local keys = action.edits and "<C-g>u" .. run .. "<C-g>u" or run
    vim.keymap.set("i", plug(name), keys, { desc = "slm: " .. name })
    local key = config.options.keys[name]
    if key then
      keep(name, key)
      vim.keymap.set("i", key, function()
        if config.options.ghost == "builtin" then
          local done = builtin[name] and builtin[name]()
          return done and "" or otherwise(name)
        end
        return action.ready() and plug(name) or otherwise(name)
      end, { expr = true, remap = true, silent = true, desc = "slm: " .. name })
    end
  end
end

return M
