"""Measured rates of false matches, which each match shows."""
