"""What lets others hold the log to its word: signed checkpoints, proofs, receipts and published files."""
