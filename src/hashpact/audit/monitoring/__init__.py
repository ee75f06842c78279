"""Monitors a log for one member: audits it once, then what is new, and tells what the member wants to know."""
