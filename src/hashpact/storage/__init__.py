"""The ledgers and the files of a home: the only room with SQL for a log and its state."""
