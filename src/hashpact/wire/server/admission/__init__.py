"""Which call is answered when, and which is refused: quotas, the order of the members, and threads."""
