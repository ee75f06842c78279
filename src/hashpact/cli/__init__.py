"""The command line: a room for each kind of user, and in it one file a command group."""
