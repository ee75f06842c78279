"""Watches a log for a member: audits it once, then what is new, and reports what concerns the member."""
