-- Where the user has paused suggestions: in a file, for a language, or everywhere.

local M = {}

M.SCOPES = { "file", "language", "everywhere" }

local everywhere = false
---@type table<string, boolean>
local languages = {}
---@type table<integer, boolean>
local files = {}

---Pause suggestions in a scope, or resume them if they are paused there.
---@param scope "file"|"language"|"everywhere"
---@param bufnr integer
---@return string message for the user
function M.toggle(scope, bufnr)
  local filetype = vim.bo[bufnr].filetype
  local paused, what
  if scope == "everywhere" then
    everywhere = not everywhere
    paused, what = everywhere, "everywhere"
  elseif scope == "language" then
    languages[filetype] = not languages[filetype] or nil
    paused, what = languages[filetype], "for " .. filetype
  else
    files[bufnr] = not files[bufnr] or nil
    paused, what = files[bufnr], "in this file"
  end
  return paused and ("paused %s; repeat the command to resume"):format(what) or ("resumed %s"):format(what)
end

---@param bufnr integer
---@return string? scope in which suggestions are paused for this buffer; nil: they are not paused
function M.paused_in(bufnr)
  local filetype = vim.bo[bufnr].filetype
  return everywhere and "everywhere" or languages[filetype] and filetype or files[bufnr] and "this file" or nil
end

return M
