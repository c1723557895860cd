"""Chooses the model that answers a request, and gives the reason."""
