"""Refactorings by rules: exact changes of a text without a model. A rule refuses a change that it cannot prove safe."""
