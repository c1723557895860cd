"""Resolves the names of Go files."""
