"""The client's side of the wire: calls as values, and the drivers that perform them."""
