"""What a profile keeps of the log, and verifies every later answer against."""
