"""The quarterly report: figures that follow from the log alone, the same bytes whoever makes them."""
