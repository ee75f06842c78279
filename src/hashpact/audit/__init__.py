"""Derives a log again from its leaves, and compares the result with what its operator serves."""
