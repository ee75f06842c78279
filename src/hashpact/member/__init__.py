"""A member's machine: its profile, the custody of its keys, the files exchanged with administrators."""
