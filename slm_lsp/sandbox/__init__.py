"""Code that was just written is run, in a process of its own with little time, memory and rights."""
