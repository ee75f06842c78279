"""A file with the state that somebody derives from a log for himself: the records, without the leaves."""
