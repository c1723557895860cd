-- Where the user wants no suggestions for now: this file, this language, everywhere.

local M = {}

M.SCOPES = { "file", "language", "everywhere" }

local everywhere = false
---@type table<string, boolean>
local languages = {}
---@type table<integer, boolean>
local files = {}

---@param scope "file"|"language"|"everywhere"
---@param bufnr integer
---@return string said what is so now
function M.toggle(scope, bufnr)
  local filetype = vim.bo[bufnr].filetype
  local now, what
  if scope == "everywhere" then
    everywhere = not everywhere
    now, what = everywhere, "everywhere"
  elseif scope == "language" then
    languages[filetype] = not languages[filetype] or nil
    now, what = languages[filetype], "for " .. filetype
  else
    files[bufnr] = not files[bufnr] or nil
    now, what = files[bufnr], "for this file"
  end
  return now and ("paused %s; the same command goes on"):format(what) or ("no longer paused %s"):format(what)
end

---@param bufnr integer
---@return string? what is paused that covers this buffer
function M.covers(bufnr)
  local filetype = vim.bo[bufnr].filetype
  return everywhere and "everywhere" or languages[filetype] and filetype or files[bufnr] and "this file" or nil
end

return M
