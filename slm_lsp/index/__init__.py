"""The index of a workspace: selects files, extracts their definitions, imports and chunks, and searches these."""
