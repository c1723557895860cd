-- The command `:Slm`.

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

---Run the server's program in a terminal in a new window.
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
  local paused = pause.paused_in(bufnr)
  local reason = M.unsupported_reason(bufnr) or "no server runs"
  local suggestions = client.serves(bufnr) and "enabled in this file" or "none in this file: " .. reason
  table.insert(lines, 1, ("%-11s %s"):format("suggestions", paused and "paused: " .. paused or suggestions))
  local argv, origin = client.command()
  if argv then
    table.insert(lines, ("%-11s %s (from %s)"):format("server", table.concat(argv, " "), origin))
  end
  for _, text in ipairs(notice.all) do
    table.insert(lines, ("%-11s %s"):format("message", text))
  end
  vim.api.nvim_echo({ { table.concat(lines, "\n") } }, true, {})
end

---Return why a buffer gets no suggestions; nil: it gets them.
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
        notice.answer("scopes: " .. table.concat(pause.SCOPES, ", "))
        return
      end
      notice.answer(pause.toggle(scope or "everywhere", vim.api.nvim_get_current_buf()))
      typing.stop("ignored")
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
      notice.answer(("the next suggestion comes from the model `%s`"):format(name))
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
    notice.answer("commands: " .. table.concat(known, ", "))
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
