"""Resolves the names of Java files."""
