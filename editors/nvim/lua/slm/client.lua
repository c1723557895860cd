-- The language client. One server serves all buffers of this Neovim. A server that ends is restarted up to 5 times in 3
-- minutes.

local compat = require("slm.compat")
local config = require("slm.config")
local log = require("slm.log")
local notice = require("slm.notice")
local server = require("slm.server")
local status = require("slm.status")

local M = {}

local NAME = "slm-lsp"
local MAX_STARTS = 5
local PERIOD_S = 180
local FIRST_RESTART_MS = 200

---@type vim.lsp.Client? the client, while its server is initialized and runs
local current
---@type integer? id of the client, also while its server is starting
local client_id
---@type string[]? the server's command, without `serve --stdio`
local argv
---@type string? where the command was found
local origin
---@type number[] times of the last starts, in seconds
local starts = {}
---@type table<integer, boolean> buffers that the server completes
local buffers = {}
---@type table<string, boolean> workspace folders that the server knows
local folders = {}
---@type "running"|"stopped"|"crashed"|"too old" "crashed": the server ended too often and is not restarted
local state = "stopped"

---@type table<string, fun(params: table)> handlers of notifications, by method
local handlers = {}
---@type table<string, fun(command: lsp.Command)> commands of code actions that the plugin handles, by name
local actions = {}
---@type fun(bufnr: integer)
local on_ready = function() end
---@type fun()
local on_stopped = function() end

---@class slm.Callbacks.Client
---@field messages table<string, fun(params: table)> handlers of the server's notifications, by method
---@field actions table<string, fun(command: lsp.Command)> handlers of commands of code actions, by name
---@field ready fun(bufnr: integer) called for each buffer when it is attached
---@field stopped fun() called when the server has ended

---@param callbacks slm.Callbacks.Client
function M.listen(callbacks)
  handlers, actions, on_ready, on_stopped = callbacks.messages, callbacks.actions, callbacks.ready, callbacks.stopped
end

---@return vim.lsp.Client? nil: no server runs
function M.running()
  return current
end

---@param bufnr integer
---@return boolean whether the server completes this buffer
function M.serves(bufnr)
  return current ~= nil and buffers[bufnr] == true
end

---@return string[]? command of the server, without `serve --stdio`
---@return string? origin where the command was found
function M.command()
  return argv, origin
end

---@return table<string, fun(_: any, params: any)>
local function lsp_handlers()
  local all = {
    ["slm/status"] = function(_, params)
      status.set(params)
    end,
    ["window/showMessage"] = function(_, params)
      notice.once(params.message, params.type == 1 and vim.log.levels.ERROR or vim.log.levels.WARN)
    end,
  }
  for method, handler in pairs(handlers) do
    all[method] = function(_, params)
      handler(params)
    end
  end
  return all
end

local function capabilities()
  return vim.tbl_deep_extend("force", vim.lsp.protocol.make_client_capabilities(), {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    experimental = { slmStream = true, slmRefined = true },
  })
end

---Record a start of the server.
---@return boolean whether the limit of starts allows this start
local function may_start()
  local now = vim.uv.hrtime() / 1e9
  starts = vim.tbl_filter(function(at)
    return now - at < PERIOD_S
  end, starts)
  table.insert(starts, now)
  return #starts <= MAX_STARTS
end

local function reattach()
  local all = vim.tbl_keys(buffers)
  buffers = {}
  for _, bufnr in ipairs(all) do
    M.attach(bufnr)
  end
end

---@param code integer
---@param signal integer
local function on_exit(code, signal)
  local expected = state ~= "running"
  current, client_id, folders = nil, nil, {}
  on_stopped()
  log.write(("the server ended with code %d, signal %d"):format(code, signal))
  if expected or vim.v.exiting ~= vim.NIL then
    return
  end
  status.set({ state = "starting", reason = "the server ended and is restarted" })
  vim.defer_fn(reattach, #starts < MAX_STARTS and FIRST_RESTART_MS * 2 ^ (#starts - 1) or 0)
end

---Return a function that starts the server's process. The standard error of the process is written to the log. Neovim
---always gets the exit code 0, because it would show a message for any other code.
---@param command string[]
---@return fun(dispatchers: table): table
local function starter(command)
  local line = { "sh", "-c", 'exec "$@" 2>>"$0"', log.path }
  vim.list_extend(line, command)
  vim.list_extend(line, { "serve", "--stdio" })
  return function(dispatchers)
    local wrapped = vim.tbl_extend("force", dispatchers, {
      on_exit = vim.schedule_wrap(function(code, signal)
        dispatchers.on_exit(0, 0)
        on_exit(code, signal)
      end),
    })
    return vim.lsp.rpc.start(line, wrapped)
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
  status.set({ state = "failed", reason = what .. " Install the newest slm-lsp, then run `:Slm start`." })
  vim.schedule(function()
    compat.stop(client)
  end)
end

---@param bufnr integer
local function start(bufnr)
  argv, origin = server.find(bufnr)
  if not argv then
    state = "stopped"
    status.set({ state = "failed", reason = origin })
    return
  end
  if not may_start() then
    state = "crashed"
    local text = "The server ended %d times in %d minutes and is not restarted."
      .. " `:Slm log` shows why; `:Slm start` starts it."
    status.set({ state = "failed", reason = text:format(MAX_STARTS, PERIOD_S / 60) })
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
    commands = actions,
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

---Add the buffer's workspace folder to the server's folders, if it is a new one.
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

---Attach a buffer to the server, and start the server if it does not run.
---@param bufnr integer
function M.attach(bufnr)
  if buffers[bufnr] and client_id or not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  buffers[bufnr] = true
  if state == "crashed" or state == "too old" then
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
function M.detach(bufnr)
  buffers[bufnr] = nil
end

---Start or restart the server for `:Slm start`, and reset the limit of restarts, shown messages and trust decisions.
---@param bufnr integer
function M.start(bufnr)
  starts = {}
  notice.reset()
  server.reset_trust()
  if client_id then
    M.stop(M.start_buffers)
    return
  end
  state = "stopped"
  buffers[bufnr] = buffers[bufnr] or vim.bo[bufnr].buftype == "" or nil
  M.start_buffers()
end

---Start the server for all attached buffers.
function M.start_buffers()
  state = "stopped"
  reattach()
end

---Stop the server.
---@param done? fun() called when the server has ended
function M.stop(done)
  local client = client_id and vim.lsp.get_client_by_id(client_id)
  state = "stopped"
  if not client then
    client_id = nil
    return done and done()
  end
  local callback = on_stopped
  on_stopped = function()
    on_stopped = callback
    callback()
    status.set({ state = "off" })
    if done then
      vim.schedule(done)
    end
  end
  compat.stop(client)
end

---Send the current settings to the server.
function M.configure()
  if current then
    local settings = next(config.options.settings) and config.options.settings or vim.empty_dict()
    compat.notify(current, "workspace/didChangeConfiguration", { settings = settings })
  end
end

return M
