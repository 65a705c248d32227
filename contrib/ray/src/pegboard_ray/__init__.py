"""Ray: a runner for projects, and workers for the rows of evaluations."""
