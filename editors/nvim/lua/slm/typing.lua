-- Requests, shows, updates and hides suggestions while the user types.

local config = require("slm.config")
local ghost = require("slm.ghost")
local menu = require("slm.menu")
local pause = require("slm.pause")
local request = require("slm.request")
local shown = require("slm.shown")
local suggestion = require("slm.suggestion")

local M = {}

---@type { bufnr: integer, tick: integer, row: integer, col: integer } buffer, version and cursor at the last event
local last = { bufnr = -1, tick = -1, row = -1, col = -1 }
---@type slm.Suggestion[] the suggestions of the last answer
local items = {}
---@type integer index of the shown suggestion in `items`
local index = 1

---@return boolean
local function in_insert_mode()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == "i"
end

---Record buffer, version and cursor.
---@return boolean changed whether the text changed since the last event
---@return boolean moved whether the cursor moved since the last event
local function record()
  local bufnr = vim.api.nvim_get_current_buf()
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local changed = bufnr ~= last.bufnr or tick ~= last.tick
  local moved = row ~= last.row or col ~= last.col
  last = { bufnr = bufnr, tick = tick, row = row, col = col }
  return changed, moved
end

---Show a streamed part of a suggestion, unless the shown suggestion begins with it.
---@param partial slm.Suggestion
local function show_partial(partial)
  local now = shown.get()
  if not now or not vim.startswith(suggestion.rest(now), suggestion.rest(partial)) then
    shown.show(partial)
  end
end

---Show the first suggestion of an answer, or hide the shown one if there is none.
---@param found slm.Suggestion[]
local function show_first(found)
  items, index = found, 1
  if #found == 0 then
    shown.hide("ignored")
  else
    shown.show(found[1])
  end
end

---Add streamed text to the shown suggestion. The answer contained only its first line. After the last part, request the
---complete suggestion.
---@param streamed string
---@param done boolean
local function show_more(streamed, done)
  local now = shown.get()
  if not now or not vim.startswith(streamed, now.text) then
    return
  end
  if #streamed > #now.text then
    now.text, now.complete = streamed, false
    shown.follow()
  end
  if done and not now.complete then
    M.request()
  end
end

---@return boolean whether a suggestion may be shown now
local function may_show()
  return in_insert_mode() and not menu.is_open()
end

---Request a suggestion for the cursor position.
function M.request()
  request.send(vim.api.nvim_get_current_buf(), request.AUTOMATIC, {
    on_partial = function(partial)
      if may_show() then
        show_partial(partial)
      end
    end,
    on_answer = function(found)
      if may_show() then
        show_first(found)
      end
    end,
    on_more = show_more,
  })
end

---Delay of a request after a key press, so that the terminal draws the typed character before the server works on the
---request. Without the delay, every third character was drawn 1.8 ms later on a machine with two cores.
local DELAY_MS = 10

---@type uv.uv_timer_t?
local pending

---Request a suggestion after the typed character is drawn.
local function request_soon()
  if pending then
    return
  end
  local timer
  timer = vim.defer_fn(function()
    if pending ~= timer then
      return -- M.stop() was called in the meantime.
    end
    pending = nil
    if may_show() and vim.api.nvim_get_current_buf() == last.bufnr then
      M.request()
    end
  end, DELAY_MS)
  pending = timer
end

---Handle `slm/refined`: the server has a better suggestion than its last answer. Request the better one, unless text or
---cursor changed since the answer, or the user dismissed the suggestion.
---@param params { textDocument: { uri: string }, position: lsp.Position }
function M.on_refined(params)
  local bufnr = vim.api.nvim_get_current_buf()
  local here = params.textDocument.uri == vim.uri_from_bufnr(bufnr) and request.is_answered_at(params.position)
  if here and may_show() and (shown.get() or #items == 0) then
    M.request()
  end
end

---Hide the suggestion, report its outcome and cancel the request.
---@param outcome "rejected"|"ignored"
function M.stop(outcome)
  pending = nil
  request.cancel()
  shown.hide(outcome)
end

---React to a possible change of text or cursor.
---@param force? boolean also request if the text has not changed, unless the last request was for this text and cursor
local function update(force)
  local changed, moved = record()
  if not in_insert_mode() then
    return
  end
  if menu.is_open() or pause.paused_in(last.bufnr) then
    M.stop("ignored")
  elseif changed or (force and not request.is_for_cursor()) then
    local kept = shown.follow()
    if not (kept and shown.get().complete) and (config.options.auto or kept) then
      request_soon()
    end
  elseif moved then
    M.stop("ignored")
  end
end

---Show the next suggestion for the cursor position, or request one if none is shown.
function M.next()
  if #items > 1 and shown.get() == items[index] then
    index = index % #items + 1
    if suggestion.follow(items[index], { last.row - 1, last.col }) then
      shown.show(items[index])
    end
    return
  end
  local before = shown.get() and suggestion.rest(shown.get())
  request.send(vim.api.nvim_get_current_buf(), request.INVOKED, {
    on_partial = function(partial)
      if not before then
        show_partial(partial)
      end
    end,
    on_answer = function(found)
      if not may_show() then
        return
      end
      show_first(found)
      if before and #found > 1 and suggestion.rest(found[1]) == before then
        M.next()
      elseif #found == 0 then
        ghost.hint(last.bufnr, last.row - 1, "no suggestion here")
      elseif #found == 1 and suggestion.rest(found[1]) == before then
        ghost.hint(last.bufnr, last.row - 1, "no other suggestion here")
      end
    end,
    on_more = show_more,
  })
end

---Request and show suggestions in a buffer from now on.
---@param bufnr integer
function M.attach(bufnr)
  local group = vim.api.nvim_create_augroup("slm.typing." .. bufnr, {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = bufnr, callback = callback })
  end
  on({ "TextChangedI", "TextChangedP", "CursorMovedI" }, function()
    update()
  end)
  on("InsertEnter", function()
    vim.schedule(function()
      update(true)
    end)
  end)
  on({ "InsertLeave", "BufLeave" }, function()
    M.stop("ignored")
  end)
  if vim.api.nvim_get_current_buf() == bufnr and in_insert_mode() then
    update(true)
  end
end

---Hide suggestions while a completion menu is open.
---@param group integer autocommand group
---@param serves fun(bufnr: integer): boolean whether the server completes a buffer
function M.watch(group, serves)
  menu.watch(group, function()
    M.stop("ignored")
  end, function()
    vim.schedule(function()
      if serves(vim.api.nvim_get_current_buf()) then
        update(true)
      end
    end)
  end)
end

return M
