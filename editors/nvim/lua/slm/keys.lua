-- Keys in Insert mode. If there is no suggestion to act on, a key does what it did before the plugin mapped it.

local config = require("slm.config")
local shown = require("slm.shown")
local typing = require("slm.typing")

local M = {}

local function is_shown()
  return shown.get() ~= nil
end

---@class slm.Action
---@field ready fun(): boolean returns whether the action can be executed now
---@field run fun()
---@field edits boolean whether the action changes the text, which makes it a separate undo step

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
      typing.stop("rejected")
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

---The two actions of Neovim's own inline completion (0.12). Each returns whether it did anything.
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

local function fallback(name)
  return ("<Plug>(slm-fallback-%s)"):format((name:gsub("_", "-")))
end

---Map the fallback of an action to the previous mapping of a key, or to the key itself.
---@param name string
---@param key string
local function keep_previous(name, key)
  local before = vim.fn.maparg(key, "i", false, true)
  if vim.tbl_isempty(before) then
    vim.keymap.set("i", fallback(name), key, { desc = "slm: " .. key .. " without a suggestion" })
  elseif not (before.desc or ""):find("^slm:") then
    before.lhs, before.lhsrawalt = fallback(name), nil
    before.lhsraw = vim.api.nvim_replace_termcodes(before.lhs, true, true, true)
    vim.fn.mapset("i", false, before)
  end
end

---Map `<Plug>(slm-…)` and the keys of the option `keys`.
function M.map()
  for name, action in pairs(actions) do
    local run = ("<Cmd>lua require('slm.keys').run('%s')<CR>"):format(name)
    -- CTRL-G u starts a new undo step. It is used before and after the action, so that an accepted text is undone
    -- separately from typed text.
    local keys = action.edits and "<C-g>u" .. run .. "<C-g>u" or run
    vim.keymap.set("i", plug(name), keys, { desc = "slm: " .. name })
    local key = config.options.keys[name]
    if key then
      keep_previous(name, key)
      vim.keymap.set("i", key, function()
        if config.options.ghost == "builtin" then
          local done = builtin[name] and builtin[name]()
          return done and "" or fallback(name)
        end
        return action.ready() and plug(name) or fallback(name)
      end, { expr = true, remap = true, silent = true, desc = "slm: " .. name })
    end
  end
end

return M
