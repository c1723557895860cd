-- Sends the cursor position to the server (`slm/cursor`) after the cursor moved. The server then evaluates the prompt
-- for that position before the user types there.

local client = require("slm.client")
local compat = require("slm.compat")
local config = require("slm.config")
local pause = require("slm.pause")

local M = {}

---@type uv.uv_timer_t?
local timer
---@type string the buffer, version and position that were sent last
local last_sent = ""

local function announce()
  local bufnr = vim.api.nvim_get_current_buf()
  local running = client.running()
  if not running or not client.serves(bufnr) or pause.paused_in(bufnr) then
    return
  end
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local here = ("%d:%d:%d:%d"):format(bufnr, vim.api.nvim_buf_get_changedtick(bufnr), row, col)
  if here == last_sent then
    return
  end
  last_sent = here
  local units = compat.units(vim.api.nvim_get_current_line(), col, running.offset_encoding)
  compat.notify(running, "slm/cursor", {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    position = { line = row - 1, character = units },
  })
end

---Send the cursor's position once the cursor has not moved for `cursor_ms` milliseconds. Not called when the user types,
---because the requests sent then contain the position.
function M.moved()
  timer = timer or vim.uv.new_timer()
  if timer then
    timer:start(config.options.cursor_ms, 0, vim.schedule_wrap(announce))
  end
end

---@param group integer autocommand group
function M.watch(group)
  ---@type table<integer, integer> `changedtick` of each buffer at its last event
  local ticks = {}
  ---Record the version of a buffer.
  ---@param event { buf: integer }
  ---@return boolean changed whether the text changed since the last event
  local function text_changed(event)
    local before = ticks[event.buf]
    ticks[event.buf] = vim.api.nvim_buf_get_changedtick(event.buf)
    return before ~= ticks[event.buf]
  end
  vim.api.nvim_create_autocmd({ "CursorMoved", "BufEnter" }, { group = group, callback = M.moved })
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = group,
    callback = function(event)
      text_changed(event)
    end,
  })
  vim.api.nvim_create_autocmd("CursorMovedI", {
    group = group,
    callback = function(event)
      if not text_changed(event) then
        M.moved()
      end
    end,
  })
end

return M
