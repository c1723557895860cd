"""Programming languages: a registry, parsers, and queries on syntax trees."""
