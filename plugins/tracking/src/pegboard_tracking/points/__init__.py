"""Points of metrics: the journal, its writers and readers, and the series in the store."""
