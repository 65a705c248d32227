"""The commands ``pegboard server`` and ``pegboard exec``."""
