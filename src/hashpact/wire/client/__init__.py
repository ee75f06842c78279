"""The client's end: what is sent and how answers are read, and the drivers that do it."""
