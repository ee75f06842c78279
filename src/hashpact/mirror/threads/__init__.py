"""Threads of a mirror that run for the length of a block."""
