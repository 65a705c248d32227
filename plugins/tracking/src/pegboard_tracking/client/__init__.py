"""Tracking to a server over HTTP: the store, its journal, and the artifacts behind it."""
