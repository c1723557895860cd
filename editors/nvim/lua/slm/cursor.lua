-- Tells the server where the cursor rests (`slm/cursor`), so that the first key there finds its prompt evaluated.

local client = require("slm.client")
local compat = require("slm.compat")
local config = require("slm.config")
local pause = require("slm.pause")

local M = {}

---@type uv.uv_timer_t?
local timer
---@type string what was announced last
local announced = ""

local function announce()
  local bufnr = vim.api.nvim_get_current_buf()
  local running = client.running()
  if not running or not client.serves(bufnr) or pause.covers(bufnr) then
    return
  end
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local here = ("%d:%d:%d:%d"):format(bufnr, vim.api.nvim_buf_get_changedtick(bufnr), row, col)
  if here == announced then
    return
  end
  announced = here
  local units = compat.units(vim.api.nvim_get_current_line(), col, running.offset_encoding)
  compat.notify(running, "slm/cursor", {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    position = { line = row - 1, character = units },
  })
end

---The cursor moved: announce it once it rests. While text is typed the requests say where it is.
function M.moved()
  timer = timer or vim.uv.new_timer()
  if timer then
    timer:start(config.options.cursor_ms, 0, vim.schedule_wrap(announce))
  end
end

---@param group integer of autocommands
function M.watch(group)
  ---@type table<integer, integer> of each buffer, `changedtick` when it was seen last
  local ticks = {}
  ---Take note of a buffer's text.
  ---@param event { buf: integer }
  ---@return boolean changed since it was seen last
  local function noted(event)
    local before = ticks[event.buf]
    ticks[event.buf] = vim.api.nvim_buf_get_changedtick(event.buf)
    return before ~= ticks[event.buf]
  end
  vim.api.nvim_create_autocmd({ "CursorMoved", "BufEnter" }, { group = group, callback = M.moved })
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = group,
    callback = function(event)
      noted(event)
    end,
  })
  vim.api.nvim_create_autocmd("CursorMovedI", {
    group = group,
    callback = function(event)
      if not noted(event) then
        M.moved()
      end
    end,
  })
end

return M
