"""Edits: choose a unit, have it rewritten in several candidates, check them, propose minimal hunks."""
