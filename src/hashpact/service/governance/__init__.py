"""Who belongs to a clearinghouse, by which keys, and how that changes."""
