"""Checks of an edit. A verdict lists which checks ran and what each of them found."""
