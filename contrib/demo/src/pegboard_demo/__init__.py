"""``pegboard demo``: trains real models on real data and shows what was tracked."""
