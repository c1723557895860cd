-- Keys in Normal mode, mapped in a buffer only while hunks are shown in it.

local config = require("slm.config")

local M = {}

local ACTIONS = { "accept", "reject", "accept_all", "reject_all", "next", "previous" }

---@type table<integer, table<string, table>> the user's mappings that are replaced while hunks are shown, by key
local replaced = {}

---Return the mapping of a key in a buffer.
---@param bufnr integer
---@param key string
---@return table? nil: the buffer has no mapping of its own for this key
local function buffer_mapping(bufnr, key)
  local found = vim.api.nvim_buf_call(bufnr, function()
    return vim.fn.maparg(key, "n", false, true)
  end)
  return found.buffer == 1 and found or nil
end

---@param mapping? table
---@return boolean
local function is_ours(mapping)
  return mapping ~= nil and (mapping.desc or ""):find("^slm:") ~= nil
end

---Map the keys of the option `edit_keys` in a buffer.
---@param bufnr integer
function M.map(bufnr)
  replaced[bufnr] = replaced[bufnr] or {}
  for _, name in ipairs(ACTIONS) do
    local key = config.options.edit_keys[name]
    if key then
      local before = buffer_mapping(bufnr, key)
      if before and not is_ours(before) then
        replaced[bufnr][key] = before
      end
      vim.keymap.set("n", key, function()
        require("slm.edit.hunk_commands").run(name)
      end, { buffer = bufnr, nowait = true, desc = "slm: " .. name:gsub("_", " ") .. " (edit)" })
    end
  end
end

---Remove the keys from a buffer, and restore the mappings that the user had in it.
---@param bufnr integer
function M.unmap(bufnr)
  local before = replaced[bufnr] or {}
  replaced[bufnr] = nil
  if not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  for _, mapping in ipairs(vim.api.nvim_buf_get_keymap(bufnr, "n")) do
    if is_ours(mapping) then
      vim.keymap.del("n", mapping.lhs, { buffer = bufnr })
    end
  end
  for _, mapping in pairs(before) do
    vim.api.nvim_buf_call(bufnr, function()
      vim.fn.mapset("n", false, mapping)
    end)
  end
end

return M
