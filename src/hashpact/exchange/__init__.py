"""Lists of hashes as other programs write them: one module a format, bytes to rows and rows to bytes."""
