"""Server-sent events out of bytes that arrive cut anywhere.

Only what vendors of language models use of them is read: ``event`` and ``data``. The common form,
one ``data: …`` line for each event, takes about a microsecond.
Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

from typing import TypeAlias

from pegboard.contracts.llm import LLMError, Trouble

Event: TypeAlias = tuple[str, bytes]
"""The name of an event, empty if it has none, and its data."""

MAX_EVENT = 32 << 20
"""The most bytes that one event may have."""

_BOM = b"\xef\xbb\xbf"


class Events:
    """Reads one stream. ``feed`` what comes; ``end`` when the connection ended."""

    __slots__ = ("_begun", "_rest", "_return")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._return = False  # Whether the bytes before ended with \r, whose \n may follow.
        self._begun = False

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are complete now. LLMError GARBAGE for one that is endless."""
        if self._return or b"\r" in data:
            data = self._plain(data)
        rest = self._rest
        if rest:
            # What was searched before is not searched again, but for its last newline.
            begin = len(rest) - 1
            rest += data
            end = rest.rfind(b"\n\n", begin)
            if end < 0:
                if len(rest) > MAX_EVENT:
                    raise LLMError(
                        Trouble.GARBAGE, f"An event of the stream has more than {MAX_EVENT} bytes."
                    )
                return []
            data = bytes(rest[:end])
            del rest[: end + 2]
        else:
            end = data.rfind(b"\n\n")
            if end < 0:
                rest += data
                return []
            rest += data[end + 2 :]
            data = data[:end]
        if not self._begun:
            self._begun, data = True, data.removeprefix(_BOM)
        found = []
        for block in data.split(b"\n\n"):
            if block[:6] == b"data: " and b"\n" not in block:
                found.append(("", block[6:]))
            elif (event := _event(block)) is not None:
                found.append(event)
        return found

    def end(self) -> list[Event]:
        """Return the last event, if it lacks nothing but the empty line after it."""
        block = bytes(self._rest)
        self._rest.clear()
        if not self._begun:
            block = block.removeprefix(_BOM)
        event = _event(block)
        return [] if event is None else [event]

    def _plain(self, data: bytes) -> bytes:
        """Return data with newlines alone at the ends of lines."""
        if self._return and data[:1] == b"\n":
            data = data[1:]
            self._return = False
        if data:
            self._return = data[-1] == 13
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> Event | None:
    """Return the event that the lines of a block are; None for comments and the like."""
    name, data = "", []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace")
    return (name, b"\n".join(data)) if data else None
