-- The language client: one server for all buffers of this Neovim, started again when it ends, up to a point.

local compat = require("slm.compat")
local config = require("slm.config")
local log = require("slm.log")
local notice = require("slm.notice")
local server = require("slm.server")
local status = require("slm.status")

local M = {}

local NAME = "slm-lsp"
local MOST_STARTS = 5
local WITHIN_S = 180
local FIRST_WAIT_MS = 200

---@type vim.lsp.Client? initialized and alive
local current
---@type integer? of the client that is there or on its way
local client_id
---@type string[]? the server's command, without `serve --stdio`
local argv
---@type string? where the command was found
local found
---@type number[] when the server was started, in seconds
local starts = {}
---@type table<integer, boolean> buffers that want the server
local wanted = {}
---@type table<string, boolean> workspace folders that it knows
local folders = {}
---@type "running"|"stopped"|"given up"|"too old"
local state = "stopped"

---@type table<string, fun(params: table)> messages of the server
local handlers = {}
---@type fun(bufnr: integer)
local on_ready = function() end
---@type fun()
local on_gone = function() end

---What others want to hear: a message of the server's, that a buffer can be completed, that the server has gone.
---@param listeners { messages: table<string, fun(params: table)>, ready: fun(bufnr: integer), gone: fun() }
function M.listen(listeners)
  handlers, on_ready, on_gone = listeners.messages, listeners.ready, listeners.gone
end

---@return vim.lsp.Client? nil: there is none that could be asked
function M.running()
  return current
end

---@param bufnr integer
---@return boolean
function M.serves(bufnr)
  return current ~= nil and wanted[bufnr] == true
end

---@return string[]? command
---@return string? found where
function M.command()
  return argv, found
end

---@return table<string, fun(_: any, params: any)>
local function lsp_handlers()
  local made = {
    ["slm/status"] = function(_, params)
      status.set(params)
    end,
    ["window/showMessage"] = function(_, params)
      notice.once(params.message, params.type == 1 and vim.log.levels.ERROR or vim.log.levels.WARN)
    end,
  }
  for method, handler in pairs(handlers) do
    made[method] = function(_, params)
      handler(params)
    end
  end
  return made
end

local function capabilities()
  return vim.tbl_deep_extend("force", vim.lsp.protocol.make_client_capabilities(), {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    experimental = { slmStream = true, slmRefined = true },
  })
end

---@return boolean whether one more start is allowed
local function may_start()
  local now = vim.uv.hrtime() / 1e9
  starts = vim.tbl_filter(function(at)
    return now - at < WITHIN_S
  end, starts)
  table.insert(starts, now)
  return #starts <= MOST_STARTS
end

local function reattach()
  local again = vim.tbl_keys(wanted)
  wanted = {}
  for _, bufnr in ipairs(again) do
    M.attach(bufnr)
  end
end

---@param code integer
---@param signal integer
local function on_exit(code, signal)
  local expected = state ~= "running"
  current, client_id, folders = nil, nil, {}
  on_gone()
  log.write(("the server ended with code %d, signal %d"):format(code, signal))
  if expected or vim.v.exiting ~= vim.NIL then
    return
  end
  status.set({ state = "starting", reason = "the server ended and is started again" })
  vim.defer_fn(reattach, #starts < MOST_STARTS and FIRST_WAIT_MS * 2 ^ (#starts - 1) or 0)
end

---Start the server's process. Its words go to the log, and Neovim is not told of its end, which it would announce
---every time.
---@param command string[]
---@return fun(dispatchers: table): table
local function starter(command)
  local line = { "sh", "-c", 'exec "$@" 2>>"$0"', log.path }
  vim.list_extend(line, command)
  vim.list_extend(line, { "serve", "--stdio" })
  return function(dispatchers)
    local own = vim.tbl_extend("force", dispatchers, {
      on_exit = vim.schedule_wrap(function(code, signal)
        dispatchers.on_exit(0, 0)
        on_exit(code, signal)
      end),
    })
    return vim.lsp.rpc.start(line, own)
  end
end

---@param client vim.lsp.Client
---@param answer lsp.InitializeResult
local function on_init(client, answer)
  local info = answer.serverInfo or {}
  log.write(("%s %s at %s"):format(info.name or "?", info.version or "?", table.concat(argv or {}, " ")))
  if answer.capabilities.inlineCompletionProvider then
    current = client
    status.set({ state = "idle" })
    return
  end
  state = "too old"
  local what = ("%s is version %s, which is too old: it has no inline completion."):format(argv[1], info.version or "?")
  status.set({ state = "failed", reason = what .. " Install the newest slm-lsp, then `:Slm start`." })
  vim.schedule(function()
    compat.stop(client)
  end)
end

---@param bufnr integer
local function start(bufnr)
  argv, found = server.find(bufnr)
  if not argv then
    state = "stopped"
    status.set({ state = "failed", reason = found })
    return
  end
  if not may_start() then
    state = "given up"
    local text = "The server ended %d times in %d minutes and is not started again. `:Slm log` shows why, `:Slm start` tries."
    status.set({ state = "failed", reason = text:format(MOST_STARTS, WITHIN_S / 60) })
    return
  end
  state = "running"
  status.set({ state = "starting" })
  local root = server.workspace(bufnr)
  if root then
    folders[root] = true
  end
  client_id = vim.lsp.start({
    name = NAME,
    cmd = starter(argv),
    root_dir = root,
    capabilities = capabilities(),
    init_options = config.options.settings,
    handlers = lsp_handlers(),
    on_init = on_init,
    on_attach = function(_, attached)
      if current then
        on_ready(attached)
      end
    end,
  }, {
    bufnr = bufnr,
    reuse_client = function()
      return false
    end,
  })
end

---Tell the server of a workspace folder that it does not know yet.
---@param bufnr integer
local function announce_folder(bufnr)
  local root = server.workspace(bufnr)
  if not root or folders[root] or not current then
    return
  end
  folders[root] = true
  local folder = { uri = vim.uri_from_fname(root), name = root }
  current.workspace_folders = vim.list_extend(current.workspace_folders or {}, { folder })
  compat.notify(current, "workspace/didChangeWorkspaceFolders", { event = { added = { folder }, removed = {} } })
end

---Have a buffer completed: start the server, or show it to the one that runs.
---@param bufnr integer
function M.attach(bufnr)
  if wanted[bufnr] and client_id or not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  wanted[bufnr] = true
  if state == "given up" or state == "too old" then
    return
  end
  if not client_id then
    start(bufnr)
    return
  end
  announce_folder(bufnr)
  vim.lsp.buf_attach_client(bufnr, client_id)
end

---@param bufnr integer
function M.forget(bufnr)
  wanted[bufnr] = nil
end

---Begin anew, at the user's wish, whatever happened before.
---@param bufnr integer
function M.start(bufnr)
  starts = {}
  notice.forget()
  server.ask_again()
  if client_id then
    M.stop(M.start_wanted)
    return
  end
  state = "stopped"
  wanted[bufnr] = wanted[bufnr] or vim.bo[bufnr].buftype == "" or nil
  M.start_wanted()
end

---Start the server for every buffer that wants it.
function M.start_wanted()
  state = "stopped"
  reattach()
end

---End the server.
---@param done? fun() called when it has ended
function M.stop(done)
  local client = client_id and vim.lsp.get_client_by_id(client_id)
  state = "stopped"
  if not client then
    client_id = nil
    return done and done()
  end
  local before = on_gone
  on_gone = function()
    on_gone = before
    before()
    status.set({ state = "off" })
    if done then
      vim.schedule(done)
    end
  end
  compat.stop(client)
end

---Tell the server that settings changed.
function M.configure()
  if current then
    local settings = next(config.options.settings) and config.options.settings or vim.empty_dict()
    compat.notify(current, "workspace/didChangeConfiguration", { settings = settings })
  end
end

return M
