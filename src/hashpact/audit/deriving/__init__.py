"""Derives a log's state from its leaves: what needs no state in processes, what needs it one by one."""
