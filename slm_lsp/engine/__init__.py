"""The engine: one process a user that holds the models and decodes for every editor and command.

It knows nothing of languages, files or the index: a request brings the whole prompt as segments of text.
"""
