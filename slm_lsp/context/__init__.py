"""Builds the prompt of a completion: the text around the cursor and snippets of other files."""
