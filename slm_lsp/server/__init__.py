"""The Language Server Protocol surface; nothing below it knows of JSON-RPC or editors."""
