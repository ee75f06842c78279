"""Commands about lists of hashes: import, export, and a member's own private ones."""
