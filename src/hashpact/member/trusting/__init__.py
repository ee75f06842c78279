"""What a member's machine knows of the log, and holds everything against that it is told later."""
