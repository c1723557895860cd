"""Benchmarks: us beside a named peer on the same model file, in turns, as ratios with the number of runs."""
