"""Content to fingerprint: the only room that reads pictures and folds text."""
