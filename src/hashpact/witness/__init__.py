"""A C2SP witness: cosigns the checkpoints of logs it knows."""
