"""Attests answers to checks, each of one position of the log exactly."""
