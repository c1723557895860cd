"""Models: the catalogue, the store, pulls from real servers and with real pip."""
