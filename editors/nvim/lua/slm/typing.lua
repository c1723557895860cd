-- What happens to the suggestion while the user types: asked for, kept, replaced, taken away.

local config = require("slm.config")
local ghost = require("slm.ghost")
local menu = require("slm.menu")
local pause = require("slm.pause")
local request = require("slm.request")
local shown = require("slm.shown")
local suggestion = require("slm.suggestion")

local M = {}

---@type { bufnr: integer, tick: integer, row: integer, col: integer }
local last = { bufnr = -1, tick = -1, row = -1, col = -1 }
---@type slm.Suggestion[] the alternatives, and which of them is shown
local items = {}
local index = 1

---@return boolean
local function in_insert_mode()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == "i"
end

---Take note of text and cursor.
---@return boolean changed
---@return boolean moved
local function noted()
  local bufnr = vim.api.nvim_get_current_buf()
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local changed = bufnr ~= last.bufnr or tick ~= last.tick
  local moved = row ~= last.row or col ~= last.col
  last = { bufnr = bufnr, tick = tick, row = row, col = col }
  return changed, moved
end

---Show text that is still on its way, unless more of the same is shown already.
---@param partial slm.Suggestion
local function show_partly(partial)
  local now = shown.get()
  if not now or not vim.startswith(suggestion.rest(now), suggestion.rest(partial)) then
    shown.show(partial)
  end
end

---@param found slm.Suggestion[]
local function show_first(found)
  items, index = found, 1
  if #found == 0 then
    shown.hide("ignored")
  else
    shown.show(found[1])
  end
end

---The rest of a block, whose first line is shown. The whole of it is asked for when it is there.
---@param streamed string
---@param done boolean
local function show_more(streamed, done)
  local now = shown.get()
  if not now or not vim.startswith(streamed, now.text) then
    return
  end
  if #streamed > #now.text then
    now.text, now.whole = streamed, false
    shown.follow()
  end
  if done and not now.whole then
    M.ask()
  end
end

---@return boolean whether a suggestion may be shown now
local function welcome()
  return in_insert_mode() and not menu.is_open()
end

---Ask for what comes next.
function M.ask()
  request.ask(vim.api.nvim_get_current_buf(), request.AUTOMATIC, {
    partly = function(partial)
      if welcome() then
        show_partly(partial)
      end
    end,
    answered = function(found)
      if welcome() then
        show_first(found)
      end
    end,
    went_on = show_more,
  })
end

---Until then the key that was just typed is on the screen: whoever draws it must not find the server at work. Asked at
---once, every third character came 1.8 ms later on two cores, which is what the server does for a key.
local DRAWN_MS = 10

---@type uv.uv_timer_t?
local due

---Ask, but let the editor draw first: a character never waits for us.
local function ask_soon()
  if due then
    return
  end
  local timer
  timer = vim.defer_fn(function()
    if due ~= timer then
      return -- The cursor has left meanwhile.
    end
    due = nil
    if welcome() and vim.api.nvim_get_current_buf() == last.bufnr then
      M.ask()
    end
  end, DRAWN_MS)
  due = timer
end

---`slm/refined`: the server has a better suggestion than its last answer. Ask for it, unless text or cursor changed
---since, or the user sent the suggestion away.
---@param params { textDocument: { uri: string }, position: lsp.Position }
function M.on_refined(params)
  local bufnr = vim.api.nvim_get_current_buf()
  local here = params.textDocument.uri == vim.uri_from_bufnr(bufnr) and request.is_answered_at(params.position)
  if here and welcome() and (shown.get() or #items == 0) then
    M.ask()
  end
end

---Take the suggestion away and give up what was asked.
---@param became "rejected"|"ignored"
function M.leave(became)
  due = nil
  request.cancel()
  shown.hide(became)
end

---Text or cursor may have changed.
---@param again? boolean ask even if they did not, unless that was done
local function look(again)
  local changed, moved = noted()
  if not in_insert_mode() then
    return
  end
  if menu.is_open() or pause.covers(last.bufnr) then
    M.leave("ignored")
  elseif changed or (again and not request.was_here()) then
    local kept = shown.follow()
    if not (kept and shown.get().whole) and (config.options.auto or kept) then
      ask_soon()
    end
  elseif moved then
    M.leave("ignored")
  end
end

---Another suggestion for the same place; where none is shown, the first one.
function M.next()
  if #items > 1 and shown.get() == items[index] then
    index = index % #items + 1
    if suggestion.follow(items[index], { last.row - 1, last.col }) then
      shown.show(items[index])
    end
    return
  end
  local before = shown.get() and suggestion.rest(shown.get())
  request.ask(vim.api.nvim_get_current_buf(), request.INVOKED, {
    partly = function(partial)
      if not before then
        show_partly(partial)
      end
    end,
    answered = function(found)
      if not welcome() then
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
    went_on = show_more,
  })
end

---Begin to complete a buffer.
---@param bufnr integer
function M.begin(bufnr)
  local group = vim.api.nvim_create_augroup("slm.typing." .. bufnr, {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = bufnr, callback = callback })
  end
  on({ "TextChangedI", "TextChangedP", "CursorMovedI" }, function()
    look()
  end)
  on("InsertEnter", function()
    vim.schedule(function()
      look(true)
    end)
  end)
  on({ "InsertLeave", "BufLeave" }, function()
    M.leave("ignored")
  end)
  if vim.api.nvim_get_current_buf() == bufnr and in_insert_mode() then
    look(true)
  end
end

---Watch what concerns all buffers.
---@param group integer of autocommands
---@param serves fun(bufnr: integer): boolean
function M.watch(group, serves)
  menu.watch(group, function()
    M.leave("ignored")
  end, function()
    vim.schedule(function()
      if serves(vim.api.nvim_get_current_buf()) then
        look(true)
      end
    end)
  end)
end

return M
