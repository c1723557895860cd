"""The command line. Each command is a thin module: it parses arguments, calls one function and prints the result."""
