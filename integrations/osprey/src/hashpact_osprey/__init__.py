"""A function for rules of ROOST Osprey: the labels of entries near a fingerprint."""
