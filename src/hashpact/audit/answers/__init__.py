"""Compares answers to checks with the log: those that were attested and kept, and those about own entries."""
