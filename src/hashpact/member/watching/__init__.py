"""What a member's machine does with notices as they come and fall due."""
