-- Defines the command `:Slm`, which also works before setup(). The other modules are loaded when it is first used.

if vim.g.loaded_slm then
  return
end
vim.g.loaded_slm = true

vim.api.nvim_create_user_command("Slm", function(called)
  require("slm.commands").run(called)
end, {
  nargs = "*",
  range = true,
  desc = "slm: refactor, fix, accept, reject, next, previous, edits, cancel, status, log, pause, model, pull, …",
  complete = function(...)
    return require("slm.commands").complete(...)
  end,
})
