"""What a model gets to read: the window of text for one completion, laid out as the model was trained."""
