"""The project on disk: which files count, what they define, and how to find it again."""
