"""What lies in a home beside the ledger for others to see: the published log, and which machine serves it."""
