"""Workflows: steps of a project with inputs and outputs, of which only those run that changed."""
