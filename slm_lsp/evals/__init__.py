"""Evaluations: whether completions are right."""
