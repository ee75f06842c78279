"""Entries that match far more often than they did, on a mirror."""
