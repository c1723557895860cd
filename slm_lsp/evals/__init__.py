"""Is it right? What completions are worth, measured by running the programs they complete."""
