"""Watches a log for a member: audits it once, then what is new, and tells what the member wants to know."""
