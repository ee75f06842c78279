"""What members share: values, rules, the state that follows from a log, and ports. No I/O."""
