"""Edits: choose a unit of code, let the model rewrite it several times, check the results, propose minimal hunks."""
