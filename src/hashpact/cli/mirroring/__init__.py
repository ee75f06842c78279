"""Commands of those who keep a mirror."""
