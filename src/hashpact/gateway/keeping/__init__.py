"""What a gateway keeps in its state directory."""
