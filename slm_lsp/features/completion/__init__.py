"""Code completion: the request, the generation, and the filters between the model and the editor."""
