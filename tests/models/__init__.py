"""Tests of the catalogue, the store, and downloads from real servers and with real pip."""
