"""What a check looks for, and how much what it finds says."""
