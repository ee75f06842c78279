"""The directory of a clearinghouse: founded, opened, backed up, and members enrolled in it."""
