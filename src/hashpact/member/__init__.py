"""The member's side: its profile and keys, the statements that it signs, and its clients."""
