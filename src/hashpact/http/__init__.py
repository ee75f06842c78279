"""HTTP: the small part of it that a log and its witnesses speak with each other."""
