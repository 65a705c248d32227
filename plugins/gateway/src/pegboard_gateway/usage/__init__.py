"""What became of calls: records, sums, metrics and spans."""
