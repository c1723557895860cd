-- The options of setup() with their defaults. `settings` has the structure of config.toml and is sent to the server.

---@class slm.Keys
---@field accept string|false accept the suggestion
---@field accept_word string|false accept its next word
---@field accept_line string|false accept its next line
---@field next string|false show another suggestion, or request one if none is shown
---@field dismiss string|false dismiss the suggestion

---@class slm.EditKeys keys in Normal mode while hunks of an edit are shown in the buffer
---@field accept string|false accept the hunk at the cursor
---@field reject string|false reject the hunk at the cursor
---@field accept_all string|false accept all hunks of the buffer
---@field reject_all string|false reject all hunks of the buffer
---@field next string|false go to the next hunk
---@field previous string|false go to the previous hunk

---@class slm.Options
---@field cmd? string|string[] the server's command; nil: search for it (server.lua)
---@field settings table in the structure of config.toml: `{ model = "strong", completion = { max_tokens = 32 } }`
---@field ghost "slm"|"builtin" what draws suggestions: this plugin, or Neovim's vim.lsp.inline_completion (0.12)
---@field auto boolean request suggestions while typing; false: only with the key `next`
---@field filetypes table<string, boolean> which file types get suggestions; `["*"]`: all types not listed; default yes
---@field max_bytes integer maximum size of a file that gets suggestions, in bytes
---@field cursor_ms integer how long the cursor must rest before its position is sent to the server, in milliseconds
---@field keys slm.Keys keys in Insert mode
---@field edit_keys slm.EditKeys

local M = {}

---@type slm.Options
local defaults = {
  settings = {},
  ghost = "slm",
  auto = true,
  filetypes = {},
  max_bytes = 1024 * 1024,
  cursor_ms = 100,
  keys = {
    accept = "<Tab>",
    accept_word = "<M-w>",
    accept_line = "<M-l>",
    next = "<M-]>",
    dismiss = "<C-]>",
  },
  -- Neovim and its LSP client use no Alt keys in Normal mode, and a single key is not the beginning of another mapping.
  -- Not <M-[>: in terminals, these bytes are the beginning of other keys.
  edit_keys = {
    accept = "<M-a>",
    reject = "<M-r>",
    accept_all = "<M-A>",
    reject_all = "<M-R>",
    next = "<M-n>",
    previous = "<M-p>",
  },
}

---@type table<string, string[]> allowed types of each option
local types = {
  cmd = { "string", "table" },
  settings = { "table" },
  ghost = { "string" },
  auto = { "boolean" },
  filetypes = { "table" },
  max_bytes = { "number" },
  cursor_ms = { "number" },
  keys = { "table" },
  edit_keys = { "table" },
}

---@type slm.Options
M.options = vim.deepcopy(defaults)

---@param name string
---@param value any
---@return string? problem nil: the value is valid
local function problem_of(name, value)
  local allowed = types[name]
  if not allowed then
    return ("there is no option `%s`."):format(name)
  end
  if not vim.tbl_contains(allowed, type(value)) then
    return ("`%s` must be a %s."):format(name, table.concat(allowed, " or a "))
  end
  if name == "ghost" and value ~= "slm" and value ~= "builtin" then
    return '`ghost` must be "slm" or "builtin".'
  end
  if name == "ghost" and value == "builtin" and not vim.lsp.inline_completion then
    return '`ghost = "builtin"` needs Neovim 0.12, so the plugin draws the ghost text.'
  end
  if name == "keys" or name == "edit_keys" then
    for key in pairs(value) do
      if defaults[name][key] == nil then
        return ("there is no key `%s` in `%s`."):format(key, name)
      end
    end
  end
end

---Set the options. An invalid option keeps its default.
---@param given? table
---@return string[] problems one sentence per invalid option
function M.set(given)
  local problems = {}
  local valid = {}
  for name, value in pairs(given or {}) do
    local problem = problem_of(name, value)
    if problem then
      table.insert(problems, "setup(): " .. problem)
    else
      valid[name] = value
    end
  end
  M.options = vim.tbl_deep_extend("force", vim.deepcopy(defaults), valid)
  return problems
end

---Return whether files of a type get suggestions.
---@param filetype string
---@return boolean
function M.enabled_for(filetype)
  local enabled = M.options.filetypes[filetype]
  if enabled == nil then
    enabled = M.options.filetypes["*"]
  end
  return enabled ~= false
end

return M
