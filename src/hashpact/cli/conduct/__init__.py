"""Commands of the code of conduct, for those who give notice, decide on it, appeal, reply and report."""
