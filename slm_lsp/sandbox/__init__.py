"""Runs untrusted programs with few rights and limited resources: `run.run` for any program, `process` for Python."""
