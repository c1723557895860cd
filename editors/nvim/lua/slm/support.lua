-- Decides which buffers the server works for.

local config = require("slm.config")

local M = {}

---Return why a buffer gets no suggestions and edits; nil: it gets them.
---@param bufnr integer
---@return string?
function M.unsupported_reason(bufnr)
  if vim.bo[bufnr].buftype ~= "" then
    return "it is not a file"
  end
  if vim.api.nvim_buf_get_name(bufnr) == "" then
    return "it has no name yet; save it with `:write NAME`"
  end
  if not config.enabled_for(vim.bo[bufnr].filetype) then
    return "the option `filetypes` excludes it"
  end
  local bytes = vim.api.nvim_buf_get_offset(bufnr, vim.api.nvim_buf_line_count(bufnr))
  if bytes > config.options.max_bytes then
    return ("it has %d bytes, more than the option `max_bytes` allows"):format(bytes)
  end
end

return M
