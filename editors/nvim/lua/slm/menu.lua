-- Detects open completion menus. Ghost text is hidden while a menu is open, because both suggest text for the cursor.

local M = {}

---Completion plugins with their own menus, and how to find out whether the menu is open. Never loads these plugins.
local others = {
  ["cmp"] = function(cmp)
    return cmp.visible()
  end,
  ["blink.cmp"] = function(blink)
    return blink.is_visible()
  end,
}

---@return boolean
function M.is_open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  for name, visible in pairs(others) do
    if package.loaded[name] then
      local ok, open = pcall(visible, package.loaded[name])
      if ok and open then
        return true
      end
    end
  end
  return false
end

---Call the callbacks when a menu opens or closes.
---@param group integer autocommand group
---@param opened fun()
---@param closed fun()
function M.watch(group, opened, closed)
  vim.api.nvim_create_autocmd("CompleteChanged", { group = group, callback = opened })
  vim.api.nvim_create_autocmd("CompleteDone", { group = group, callback = closed })
  vim.api.nvim_create_autocmd("User", { group = group, pattern = "BlinkCmpMenuOpen", callback = opened })
  vim.api.nvim_create_autocmd("User", { group = group, pattern = "BlinkCmpMenuClose", callback = closed })
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = group,
    once = true,
    callback = function()
      local cmp = package.loaded["cmp"]
      if cmp and cmp.event then
        cmp.event:on("menu_opened", opened)
        cmp.event:on("menu_closed", closed)
      end
    end,
  })
end

return M
