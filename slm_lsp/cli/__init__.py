"""The command line: one module a command, thin: parse arguments, call, print, exit code."""
