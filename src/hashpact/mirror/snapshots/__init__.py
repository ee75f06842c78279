"""Snapshots: a signed log in one file, from which the copy of a mirror can begin."""
