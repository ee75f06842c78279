"""What members share: values, rules, errors and ports. No input or output."""
