"""The engine: one process per user that holds the models and decodes for all editors and commands.

The engine knows nothing about languages, files or the index: a request contains the whole prompt as segments of text.
"""
