"""The graph of a workflow: where its steps stand, and how they look, by their states."""
