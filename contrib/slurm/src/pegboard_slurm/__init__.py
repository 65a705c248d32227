"""Slurm: a runner that gives projects to the queue of a cluster."""
