"""A mutation tester of the fold: what would be wrong with a rule, and which vector sees it."""
