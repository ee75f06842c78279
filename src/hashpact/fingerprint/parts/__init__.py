"""Parts of pictures, parts/1: the only fingerprints that are opt-in, and need an extra."""
