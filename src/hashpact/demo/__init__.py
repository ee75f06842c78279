"""The demonstration: pictures and texts of its own, and the story that is played with them."""
