"""What the fake server is asked, and answers."""

from __future__ import annotations

from typing import Any

ASK: Any = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "How far?"}],
}
USAGE = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "3 km"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
