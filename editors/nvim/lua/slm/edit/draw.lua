-- Draws hunks: highlights old lines, and shows new lines and the verdict as virtual lines below them.

local config = require("slm.config")
local text = require("slm.edit.text")
local view = require("slm.edit.view")

local M = {}

local OLD, NEW, INFO, FAILED = "SlmEditOld", "SlmEditNew", "SlmEditInfo", "SlmEditFailed"
local namespace = vim.api.nvim_create_namespace("slm.edit")
local KEYS = { "accept", "reject", "next" }

function M.define_highlights()
  vim.api.nvim_set_hl(0, OLD, { default = true, link = "DiffDelete" })
  vim.api.nvim_set_hl(0, NEW, { default = true, link = "DiffAdd" })
  vim.api.nvim_set_hl(0, INFO, { default = true, link = "Comment" })
  vim.api.nvim_set_hl(0, FAILED, { default = true, link = "DiagnosticError" })
end

---@param evidence string
---@return string
local function first_line(evidence)
  return (vim.trim(evidence):gsub("[\r\n].*", ""))
end

---Return the verdict as a text: the names of the checks by result, with the evidence of failed checks.
---@param verdict slm.Check[]
---@return string passed checks that passed or were not available
---@return string failed an empty string if no check failed
local function summary(verdict)
  local names = { passed = {}, failed = {}, ["not available"] = {} }
  for _, check in ipairs(verdict) do
    local evidence = check.result == "failed" and first_line(check.evidence or "") or ""
    local name = evidence == "" and check.check or ("%s (%s)"):format(check.check, evidence)
    table.insert(names[check.result] or names["not available"], name)
  end
  local function part(result)
    return #names[result] > 0 and ("%s: %s"):format(result, table.concat(names[result], ", ")) or nil
  end
  local others = vim.tbl_filter(function(each)
    return each ~= ""
  end, { part("passed") or "", part("not available") or "" })
  return table.concat(others, " · "), part("failed") or ""
end

---@return string the keys that act on a hunk, for example `<M-a> accept, <M-r> reject`
local function key_hints()
  local hints = {}
  for _, name in ipairs(KEYS) do
    local key = config.options.edit_keys[name]
    if key then
      table.insert(hints, ("%s %s"):format(key, name))
    end
  end
  return #hints > 0 and table.concat(hints, ", ") or ":Slm accept, :Slm reject"
end

---Return the lines below a hunk: its number and the keys, and the results of the checks. The checks are about all hunks
---together. Failed checks are shown below each hunk, the other results only below the first hunk.
---@param proposal slm.Proposal
---@param hunk slm.OpenHunk
---@return string[][][] lines
local function info(proposal, hunk)
  local lines = { { { ("slm %d/%d · %s"):format(hunk.number, proposal.total, key_hints()), INFO } } }
  local others, failed = summary(proposal.verdict)
  if failed ~= "" then
    table.insert(lines, { { failed, FAILED } })
  end
  if others ~= "" and hunk.number == 1 then
    table.insert(lines, { { others, INFO } })
  end
  return lines
end

---Draw a hunk, and set `mark` and `below` of the hunk to the extmarks. The extmark `mark` covers the tracked lines.
---@param proposal slm.Proposal
---@param hunk slm.OpenHunk
function M.draw(proposal, hunk)
  local bufnr = proposal.bufnr
  local after = hunk.row + #hunk.old
  hunk.mark = vim.api.nvim_buf_set_extmark(bufnr, namespace, hunk.row, 0, {
    end_row = after,
    end_col = 0,
    end_right_gravity = false, -- A line that is inserted below the tracked lines does not belong to them.
    hl_group = hunk.removed > 0 and OLD or nil,
    hl_eol = hunk.removed > 0,
  })
  local cells = view.wrap_cells(bufnr)
  local lines = {}
  for _, line in ipairs(hunk.new) do
    local expanded = text.expanded(line, vim.bo[bufnr].tabstop)
    for _, piece in ipairs(cells and text.wrapped(expanded, cells) or { expanded }) do
      table.insert(lines, { { piece == "" and " " or piece, NEW } })
    end
  end
  vim.list_extend(lines, info(proposal, hunk))
  local above = hunk.removed == 0 and hunk.skip == 0
  hunk.below = vim.api.nvim_buf_set_extmark(bufnr, namespace, above and hunk.row or after - 1, 0, {
    virt_lines = lines,
    virt_lines_above = above,
  })
  if above and hunk.row == 0 then
    view.reveal_above_first_line(bufnr, #lines)
  end
end

---Return the place of the tracked lines, which other edits may have moved.
---@param bufnr integer
---@param hunk slm.OpenHunk
---@return integer? first row, from 0; nil: the extmark is gone
---@return integer? after row after the last tracked line
function M.place(bufnr, hunk)
  local found = vim.api.nvim_buf_get_extmark_by_id(bufnr, namespace, hunk.mark, { details = true })
  if not found[1] then
    return nil
  end
  return found[1], found[3].end_row
end

---@param bufnr integer
---@param hunk slm.OpenHunk
function M.erase(bufnr, hunk)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_del_extmark(bufnr, namespace, hunk.mark)
    vim.api.nvim_buf_del_extmark(bufnr, namespace, hunk.below)
  end
end

---Show what a running edit does after the end of a line.
---@param bufnr integer
---@param row integer
---@param step string
---@param id? integer extmark of the previous text, which the new text replaces
---@return integer id
function M.progress(bufnr, row, step, id)
  return vim.api.nvim_buf_set_extmark(bufnr, namespace, row, 0, {
    id = id,
    virt_text = { { "slm: " .. step, INFO } },
    virt_text_pos = "eol",
  })
end

---@param bufnr integer
---@param id integer
function M.erase_progress(bufnr, id)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_del_extmark(bufnr, namespace, id)
  end
end

return M
