"""Code completion: the request, the answer, and the filters between the model and the editor."""
