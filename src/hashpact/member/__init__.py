"""A member's machine: its profile and keys, the statements it signs, the clients it calls with."""
