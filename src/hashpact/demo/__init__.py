"""The demonstration: an operator and its members play the whole path on one machine."""
