"""The index of a workspace: selects its files, extracts definitions, imports and chunks, and searches them."""
