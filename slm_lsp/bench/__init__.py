"""Benchmarks: our speed compared with a named peer on the same model file, as ratios."""
