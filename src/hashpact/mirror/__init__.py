"""A mirror: a verified copy of a log on a member's machine. Runs wherever checks must not leave the house."""
