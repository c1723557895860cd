"""Resolves the names of JavaScript and TypeScript files."""
