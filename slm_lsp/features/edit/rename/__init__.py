"""Renames a symbol in a whole project by rules. Only uses that the rules can resolve are renamed; others are listed."""
