"""Resolves the names of Python files."""
