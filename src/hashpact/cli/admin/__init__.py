"""Commands of an administrator: a home, its members and their keys."""
