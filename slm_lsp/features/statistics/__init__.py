"""Local counts of suggestions and their outcomes. They contain neither code nor paths."""
