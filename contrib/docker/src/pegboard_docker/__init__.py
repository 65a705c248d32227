"""Containers: a runner for projects that name an image, with docker or podman."""
