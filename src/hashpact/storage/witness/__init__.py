"""What a witness stores; it has a database of its own and nothing of a clearinghouse's."""
