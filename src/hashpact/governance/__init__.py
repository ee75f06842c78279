"""What administrators prepare, sign and send: drafts, joining files, and the statements that govern a log."""
