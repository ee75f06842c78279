"""Commands for anyone who watches the log."""
