"""How a text is read: bytes to letters, and what of a post is its message."""
