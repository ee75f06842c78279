"""Private lists: hashes on a member's own disk, encrypted, which checks consult beside the clearinghouse."""
