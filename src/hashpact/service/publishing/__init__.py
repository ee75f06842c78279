"""What the server gives away of its log: files for everybody, and leaves for mirrors."""
