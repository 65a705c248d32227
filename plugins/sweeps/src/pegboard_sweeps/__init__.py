"""Sweeps: the parameters of a project tried one after the other, and the best of them found."""
