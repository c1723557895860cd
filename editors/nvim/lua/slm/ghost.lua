-- Draws a suggestion as ghost text, without moving the cursor or scrolling. Lines that do not fit are not drawn.

local suggestion = require("slm.suggestion")

local M = {}

local GHOST, MORE = "SlmGhost", "SlmGhostMore"
local TERMINAL = "SlmGhostTerminal"
local HINT_MS = 1500
local namespace = vim.api.nvim_create_namespace("slm")

function M.define_highlights()
  vim.api.nvim_set_hl(0, GHOST, { default = true, link = "Comment" })
  vim.api.nvim_set_hl(0, MORE, { default = true, link = "NonText" })
  vim.api.nvim_set_hl(0, TERMINAL, { default = true, ctermfg = 8, cterm = { italic = true } })
end

---Return the highlight groups for a text. Without 'termguicolors', Neovim uses only the cterm attributes of a group. In
---the default colour scheme Comment and NonText have none, so ghost text would look like code. For such a group,
---SlmGhostTerminal provides the attributes.
---@param group string
---@return string|string[]
local function highlight(group)
  local found = vim.api.nvim_get_hl(0, { name = group, link = false })
  local has_cterm = found.ctermfg or found.ctermbg or next(found.cterm or {})
  return has_cterm and group or { TERMINAL, group }
end

---@param bufnr integer
function M.clear(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

---Show a text after the end of a line for 1.5 seconds.
---@param bufnr integer
---@param row integer
---@param text string
function M.hint(bufnr, row, text)
  local mark = { virt_text = { { text, highlight(MORE) } }, virt_text_pos = "eol" }
  local id = vim.api.nvim_buf_set_extmark(bufnr, namespace, row, 0, mark)
  vim.defer_fn(function()
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_del_extmark(bufnr, namespace, id)
    end
  end, HINT_MS)
end

---Return the number of lines that 'scrolloff' keeps below the cursor in a window of this height.
local function margin(height)
  return math.min(vim.wo.scrolloff, math.floor((height - 1) / 2))
end

---Return how many screen rows are free for ghost text.
---@param row integer
---@return integer below rows for the second and all later lines
---@return integer wrapped rows for wrapping the first line
local function room(row)
  local info = vim.fn.getwininfo(vim.api.nvim_get_current_win())[1]
  local height = info.height - info.winbar
  local at = vim.fn.winline()
  local lines = vim.api.nvim_win_text_height(0, { start_row = row, end_row = row }).all
  local above = vim.fn.screenpos(0, row + 1, 1).row - info.winrow - info.winbar + 1
  local free = height - math.max(at, math.max(above, 1) + lines - 1)
  if margin(height) == math.floor((height - 1) / 2) then
    -- 'scrolloff' keeps the cursor in the middle. If it is not in the middle now, Neovim would scroll, so draw nothing.
    return at == math.floor((height + 1) / 2) and free or 0, 0
  end
  return math.max(0, free), math.max(0, free - margin(height))
end

---Truncate a text to a number of screen cells.
---@param text string
---@param cells integer
---@return string
local function truncated(text, cells)
  if vim.fn.strdisplaywidth(text) <= cells then
    return text
  end
  local shown = vim.fn.strcharpart(text, 0, math.max(0, cells - 1))
  while shown ~= "" and vim.fn.strdisplaywidth(shown) >= cells do
    shown = vim.fn.strcharpart(shown, 0, vim.fn.strchars(shown) - 1)
  end
  return shown .. "…"
end

---Return the number of free screen cells after the text of a line.
---@param row integer
---@param more integer additional screen rows into which the line may wrap
---@return integer
local function free_cells(row, more)
  local info = vim.fn.getwininfo(vim.api.nvim_get_current_win())[1]
  local width = info.width - info.textoff
  local used = vim.fn.virtcol({ row + 1, "$" }) -- includes the cell of a cursor at the end of the line
  return (math.ceil(used / width) + more) * width - used
end

---@param shown slm.Suggestion
---@param cursor integer[] row and column, from 0
function M.draw(shown, cursor)
  M.clear(shown.bufnr)
  local layout = suggestion.layout(shown)
  if not layout then
    return
  end
  local row, col = cursor[1], cursor[2]
  local below, wrapped = room(row)
  local hidden = math.max(0, #layout.below - below)
  local more = hidden > 0 and layout.tail == "" and (" +%d"):format(hidden) or ""
  local first = layout.first
  if vim.wo.wrap then
    local cells = free_cells(row, wrapped) - #more - vim.fn.strdisplaywidth(layout.tail)
    first = truncated(first, cells)
  end
  local ghost = highlight(GHOST)
  local lines = {}
  for index = 1, #layout.below - hidden do
    lines[index] = { { layout.below[index], ghost } }
  end
  vim.api.nvim_buf_set_extmark(shown.bufnr, namespace, row, col, {
    virt_text = { { first, ghost }, { more, highlight(MORE) } },
    virt_text_pos = "inline",
    virt_lines = #lines > 0 and lines or nil,
    hl_mode = "combine",
  })
  if layout.tail ~= "" then
    local mark = { virt_text = { { layout.tail, ghost } }, virt_text_pos = "inline", hl_mode = "combine" }
    vim.api.nvim_buf_set_extmark(shown.bufnr, namespace, row, col + shown.replaced, mark)
  end
end

return M
