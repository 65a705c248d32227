"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations
