"""What a mirror stores of a log for everybody, and cosigns (C2SP tlog-mirror)."""
