-- Functions that hide the differences between Neovim 0.10, 0.11 and 0.12.

local M = {}

local has_011 = vim.fn.has("nvim-0.11") == 1

---@param client vim.lsp.Client
---@param method string
---@param params table
---@param handler fun(err: table?, result: any)
---@param bufnr integer
---@return integer? id of the request; nil: the server has ended
function M.request(client, method, params, handler, bufnr)
  local sent, id
  if has_011 then
    sent, id = client:request(method, params, handler, bufnr)
  else
    sent, id = client.request(method, params, handler, bufnr)
  end
  return sent and id or nil
end

---@param client vim.lsp.Client
---@param method string
---@param params table
function M.notify(client, method, params)
  if has_011 then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

---@param client vim.lsp.Client
---@param id integer
function M.cancel(client, id)
  if has_011 then
    client:cancel_request(id)
  else
    client.cancel_request(id)
  end
end

---Return the version of a buffer that the server has. It differs from changedtick, which also counts writes.
---@param bufnr integer
---@return integer
function M.version(bufnr)
  return vim.lsp.util.buf_versions[bufnr] or vim.api.nvim_buf_get_changedtick(bufnr)
end

---@param client vim.lsp.Client
function M.stop(client)
  if has_011 then
    client:stop()
  else
    client.stop()
  end
end

---Convert a byte column to a column in code units of an encoding.
---@param line string
---@param byte integer from 0
---@param encoding "utf-8"|"utf-16"|"utf-32"
---@return integer
function M.units(line, byte, encoding)
  byte = math.min(byte, #line)
  if encoding == "utf-8" then
    return byte
  end
  if has_011 then
    return vim.str_utfindex(line, encoding, byte, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, byte)
  return encoding == "utf-16" and utf16 or utf32
end

---Convert a column in code units of an encoding to a byte column. Columns after the end of the line become its end.
---@param line string
---@param units integer
---@param encoding "utf-8"|"utf-16"|"utf-32"
---@return integer from 0
function M.byte(line, units, encoding)
  if encoding == "utf-8" then
    return math.min(units, #line)
  end
  if has_011 then
    return vim.str_byteindex(line, encoding, units, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, #line)
  if units >= (encoding == "utf-16" and utf16 or utf32) then
    return #line
  end
  return vim.str_byteindex(line, units, encoding == "utf-16")
end

---Run a command in a terminal in a new window at the bottom.
---@param argv string[]
---@param on_exit? fun(code: integer)
function M.terminal(argv, on_exit)
  vim.cmd("botright new")
  local options = {
    on_exit = function(_, code)
      if on_exit then
        on_exit(code)
      end
    end,
  }
  if has_011 then
    vim.fn.jobstart(argv, vim.tbl_extend("force", options, { term = true }))
  else
    vim.fn.termopen(argv, options)
  end
end

return M
