"""Kubernetes: a runner that makes projects jobs of a cluster."""
