"""Tests that are bound to a prompt: its versions pass them before they are promoted."""
