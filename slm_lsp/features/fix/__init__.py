"""Fixes code: finds the place of an error, tries rules and then the model, and lets checks and tests choose."""
