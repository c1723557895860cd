-- What a user can set, with defaults that need none. `settings` has the form of config.toml and goes to the server.

---@class slm.Keys
---@field accept string|false the whole suggestion
---@field accept_word string|false its next word
---@field accept_line string|false its next line
---@field next string|false another suggestion; where none is shown, ask for one
---@field dismiss string|false

---@class slm.Options
---@field cmd? string|string[] the server's command; nil: it is looked for (server.lua)
---@field settings table as config.toml has them: `{ model = "strong", completion = { max_tokens = 32 } }`
---@field ghost "slm"|"builtin" who draws: we, as text arrives, or Neovim's own vim.lsp.inline_completion (0.12)
---@field auto boolean ask while typing; false: only by the key `next`
---@field filetypes table<string, boolean> `{ markdown = false }`; `["*"] = false` leaves only those that are true
---@field max_bytes integer files that are larger are left alone
---@field cursor_ms integer a cursor that rests so long is announced to the server
---@field keys slm.Keys

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
}

---@type table<string, string[]> option → types it may have
local types = {
  cmd = { "string", "table" },
  settings = { "table" },
  ghost = { "string" },
  auto = { "boolean" },
  filetypes = { "table" },
  max_bytes = { "number" },
  cursor_ms = { "number" },
  keys = { "table" },
}

---@type slm.Options
M.options = vim.deepcopy(defaults)

---@param name string
---@param value any
---@return string? problem
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
    return '`ghost = "builtin"` needs Neovim 0.12; slm draws the ghost text itself.'
  end
  if name == "keys" then
    for key in pairs(value) do
      if defaults.keys[key] == nil then
        return ("there is no key `%s`."):format(key)
      end
    end
  end
end

---Take a user's options; what is wrong in them stays at its default.
---@param given? table
---@return string[] problems a sentence each
function M.set(given)
  local problems = {}
  local taken = {}
  for name, value in pairs(given or {}) do
    local problem = problem_of(name, value)
    if problem then
      table.insert(problems, "setup(): " .. problem)
    else
      taken[name] = value
    end
  end
  M.options = vim.tbl_deep_extend("force", vim.deepcopy(defaults), taken)
  return problems
end

---Whether files of a type are completed.
---@param filetype string
---@return boolean
function M.wants(filetype)
  local said = M.options.filetypes[filetype]
  if said == nil then
    said = M.options.filetypes["*"]
  end
  return said ~= false
end

return M
