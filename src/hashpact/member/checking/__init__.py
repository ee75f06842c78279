"""Checks as a member's clients make them: of fingerprints, of content, and when no server answers."""
