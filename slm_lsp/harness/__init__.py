"""Common parts of benchmarks and evaluations: a private engine, timed answers, kept results, progress and reports."""
