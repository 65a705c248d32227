"""The sub-commands of ``pegboard`` that deal with what is tracked."""
