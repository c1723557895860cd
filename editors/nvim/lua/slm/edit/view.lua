-- What windows show of hunks. Neovim does not scroll to virtual lines, so this module does.

local M = {}

local MIN_CELLS = 20

---Return the width at which the lines of a buffer wrap.
---@param bufnr integer
---@return integer? cells nil: no window shows the buffer, or its lines do not wrap
function M.wrap_cells(bufnr)
  local window = vim.fn.win_findbuf(bufnr)[1]
  if not window or not vim.wo[window].wrap then
    return nil
  end
  local info = vim.fn.getwininfo(window)[1]
  return math.max(MIN_CELLS, info.width - info.textoff)
end

---Show virtual lines above the first line of the buffer in all windows that show the beginning of the buffer.
---@param bufnr integer
---@param height integer number of virtual lines
function M.reveal_above_first_line(bufnr, height)
  for _, window in ipairs(vim.fn.win_findbuf(bufnr)) do
    vim.api.nvim_win_call(window, function()
      if vim.fn.line("w0") == 1 then
        vim.fn.winrestview({ topline = 1, topfill = height })
      end
    end)
  end
end

---Return the height of lines in the current window, with the virtual lines below them.
---@param first integer row, from 0
---@param after integer row after the last line
---@return integer
local function height_of(first, after)
  local range = { start_row = first }
  if after < vim.api.nvim_buf_line_count(0) then
    -- The virtual lines below a line count as lines above the next one.
    range.end_row, range.end_vcol = after, 0
  end
  return vim.api.nvim_win_text_height(0, range).all
end

---Scroll the current window down until the virtual lines below some lines are visible. Stop earlier if the cursor would
---have to move, or if the first of these lines would leave the window.
---@param row integer first line, from 0
---@param after integer row after the last line
function M.reveal(row, after)
  local info = vim.fn.getwininfo(vim.api.nvim_get_current_win())[1]
  local height = info.height - info.winbar
  local cursor = vim.api.nvim_win_get_cursor(0)[1]
  local top = vim.fn.line("w0")
  local last_top = math.max(1, math.min(row + 1, cursor - vim.wo.scrolloff))
  local new_top = top
  while new_top < last_top and height_of(new_top - 1, after) > height do
    new_top = new_top + 1
  end
  if new_top > top then
    vim.fn.winrestview({ topline = new_top })
  end
end

return M
