"""What was measured of fingerprints, to be said with each match. Everybody runs it."""
