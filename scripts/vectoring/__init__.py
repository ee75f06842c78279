"""The logs of docs/vectors, each made up by hand and written out by scripts/vectors."""
