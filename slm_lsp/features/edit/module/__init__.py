"""Refactoring a whole module: plan the steps by rules, rewrite one unit per step, check it, keep it or roll it back."""
