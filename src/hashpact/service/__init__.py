"""The use cases, one a file: what a clearinghouse does, told in domain words."""
