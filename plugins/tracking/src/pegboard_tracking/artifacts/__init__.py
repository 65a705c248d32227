"""Artifact stores on this machine."""
