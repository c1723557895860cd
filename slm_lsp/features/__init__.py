"""The features that users see. The server and the commands call the same functions."""
