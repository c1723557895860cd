-- The command `:Slm`.

local client = require("slm.client")
local compat = require("slm.compat")
local config = require("slm.config")
local edit = require("slm.edit")
local hunk_commands = require("slm.edit.hunk_commands")
local log = require("slm.log")
local notice = require("slm.notice")
local pause = require("slm.pause")
local proposals = require("slm.edit.proposals")
local server = require("slm.server")
local status = require("slm.status")
local support = require("slm.support")
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
  local reason = support.unsupported_reason(bufnr) or "no server runs"
  local suggestions = client.serves(bufnr) and "enabled in this file" or "none in this file: " .. reason
  table.insert(lines, 1, ("%-11s %s"):format("suggestions", paused and "paused: " .. paused or suggestions))
  local argv, origin = client.command()
  if argv then
    table.insert(lines, ("%-11s %s (from %s)"):format("server", table.concat(argv, " "), origin))
  end
  for _, check in ipairs(proposals.verdict(bufnr)) do
    local evidence = check.evidence and check.evidence ~= "" and ": " .. check.evidence or ""
    table.insert(lines, ("%-11s %s %s%s"):format("check", check.check, check.result, evidence))
  end
  for _, text in ipairs(notice.all) do
    table.insert(lines, ("%-11s %s"):format("message", text))
  end
  vim.api.nvim_echo({ { table.concat(lines, "\n") } }, true, {})
end

---@class slm.Call
---@field text string everything after the name of the command
---@field bang boolean whether the name of the command ends with `!`
---@field lines? integer[] first and last line of the range, from 1

---@type table<string, { run: fun(argument: string?, call: slm.Call), arguments?: string[] }>
local commands = {
  refactor = {
    run = function(_, call)
      edit.refactor(call.text, call.lines)
    end,
  },
  fix = {
    run = function(_, call)
      edit.fix(call.text, call.lines)
    end,
  },
  cancel = { run = edit.cancel },
  accept = {
    run = function(_, call)
      hunk_commands.run(call.bang and "accept_all" or "accept")
    end,
  },
  reject = {
    run = function(_, call)
      hunk_commands.run(call.bang and "reject_all" or "reject")
    end,
  },
  next = {
    run = function()
      hunk_commands.run("next")
    end,
  },
  previous = {
    run = function()
      hunk_commands.run("previous")
    end,
  },
  edits = {
    run = function()
      hunk_commands.run("list")
    end,
  },
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

---@param called { fargs: string[], args: string, range: integer, line1: integer, line2: integer }
function M.run(called)
  local name, bang = (called.fargs[1] or "status"):match("^(.-)(!?)$")
  local command = commands[name]
  if command then
    command.run(called.fargs[2], {
      text = vim.trim(called.args:match("^%s*%S+%s+(.*)$") or ""),
      bang = bang == "!",
      lines = called.range > 0 and { called.line1, called.line2 } or nil,
    })
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
