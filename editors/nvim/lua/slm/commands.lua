-- `:Slm …`

local client = require("slm.client")
local compat = require("slm.compat")
local config = require("slm.config")
local log = require("slm.log")
local notice = require("slm.notice")
local pause = require("slm.pause")
local server = require("slm.server")
local status = require("slm.status")
local typing = require("slm.typing")

local M = {}

local TIERS = { "auto", "fast", "strong" }

---Run the server's program in a terminal below.
---@param arguments string[]
---@param on_exit? fun(code: integer)
local function in_terminal(arguments, on_exit)
  local argv, why = client.command()
  if not argv then
    argv, why = server.find(vim.api.nvim_get_current_buf())
  end
  if not argv then
    notice.answer(why --[[@as string]])
    return
  end
  compat.terminal(vim.list_extend(vim.deepcopy(argv), arguments), on_exit)
end

local function show_status()
  local bufnr = vim.api.nvim_get_current_buf()
  local lines = status.lines()
  local paused = pause.covers(bufnr)
  local served = client.serves(bufnr) and "is completed" or "is not completed: " .. (M.why_not(bufnr) or "no server runs")
  table.insert(lines, 1, ("%-10s %s"):format("this file", paused and "is paused: " .. paused or served))
  local argv, found = client.command()
  if argv then
    table.insert(lines, ("%-10s %s (from %s)"):format("server", table.concat(argv, " "), found))
  end
  for _, text in ipairs(notice.all) do
    table.insert(lines, ("%-10s %s"):format("said", text))
  end
  vim.api.nvim_echo({ { table.concat(lines, "\n") } }, true, {})
end

---Why a buffer is left alone; nil: it is not.
---@param bufnr integer
---@return string?
function M.why_not(bufnr)
  if vim.bo[bufnr].buftype ~= "" then
    return "it is no file"
  end
  if vim.api.nvim_buf_get_name(bufnr) == "" then
    return "it has no name yet; `:write NAME` gives it one"
  end
  if not config.wants(vim.bo[bufnr].filetype) then
    return "setup() leaves out files of this type"
  end
  local bytes = vim.api.nvim_buf_get_offset(bufnr, vim.api.nvim_buf_line_count(bufnr))
  if bytes > config.options.max_bytes then
    return ("it has %d bytes; setup{ max_bytes = … } sets the most"):format(bytes)
  end
end

---@type table<string, { run: fun(argument?: string), arguments?: string[] }>
local commands = {
  status = { run = show_status },
  log = {
    run = function()
      vim.cmd.split(vim.fn.fnameescape(log.path))
      vim.cmd("normal! G")
    end,
  },
  pause = {
    arguments = pause.SCOPES,
    run = function(scope)
      if scope and not vim.tbl_contains(pause.SCOPES, scope) then
        notice.answer("pause takes " .. table.concat(pause.SCOPES, ", "))
        return
      end
      notice.answer(pause.toggle(scope or "everywhere", vim.api.nvim_get_current_buf()))
      typing.leave("ignored")
      vim.cmd.redrawstatus()
    end,
  },
  model = {
    arguments = TIERS,
    run = function(name)
      if not name then
        in_terminal({ "models", "list" })
        return
      end
      config.options.settings.model = name
      client.configure()
      notice.answer(("the model is `%s` from the next suggestion on"):format(name))
    end,
  },
  pull = {
    arguments = { "fast", "strong" },
    run = function(name)
      in_terminal({ "models", "pull", name or "fast" }, function(code)
        if code == 0 then
          client.start(vim.api.nvim_get_current_buf())
        end
      end)
    end,
  },
  doctor = {
    run = function()
      in_terminal({ "doctor" })
    end,
  },
  start = {
    run = function()
      client.start(vim.api.nvim_get_current_buf())
    end,
  },
  stop = {
    run = function()
      client.stop()
    end,
  },
}

---@param called { fargs: string[] }
function M.run(called)
  local command = commands[called.fargs[1] or "status"]
  if command then
    command.run(called.fargs[2])
  else
    local known = vim.tbl_keys(commands)
    table.sort(known)
    notice.answer((":Slm knows %s"):format(table.concat(known, ", ")))
  end
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local given = vim.split(line, "%s+", { trimempty = true })
  local command = #given > 1 and commands[given[2]]
  local choices = command and (#given > 2 or lead == "") and (command.arguments or {}) or vim.tbl_keys(commands)
  table.sort(choices)
  return vim.tbl_filter(function(each)
    return vim.startswith(each, lead)
  end, choices)
end

return M
