"""Checks of an edit. A verdict lists which checks ran and what they found; it never claims more."""
