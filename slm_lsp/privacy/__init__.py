"""Keeps secrets out of the index and of prompts: masks secrets in text, and decides which files are never read."""
