"""Derives a log again from its leaves and compares it with what its operator serves."""
