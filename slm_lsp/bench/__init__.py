"""Benchmarks: our speed divided by the speed of a peer, a named program that runs the same model file."""
