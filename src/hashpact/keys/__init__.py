"""Private keys and certificates on disk: PEM, passphrases, and what expires soon."""
