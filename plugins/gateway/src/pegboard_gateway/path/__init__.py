"""The way of one call, the same for all faces: from what a client asks to an answer or events."""

from __future__ import annotations

from pegboard_gateway.path.calls import Calls
from pegboard_gateway.path.events import Events, Writer

__all__ = ["Calls", "Events", "Writer"]
