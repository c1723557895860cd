"""Keeps secrets out of the index and of prompts: masks them in text, and names the files that are never read."""
