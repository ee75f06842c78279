"""The server's use cases, one a file."""
