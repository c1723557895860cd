"""Counts of suggestions and what became of them. Kept on this machine; never contain text or paths."""
