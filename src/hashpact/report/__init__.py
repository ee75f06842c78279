"""The quarterly report: figures that follow from the log alone, so that everybody makes the same bytes."""
