"""What the rest of the package knows of programming languages: a registry, parsers, and queries over their trees."""
