"""Reading the binary form of protocol buffers, as far as is needed: fields and their values."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pegboard.errors import InvalidValue

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")


class Reading:
    """One body that is read: how many fields of it, nested ones included, may still come."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._left = most

    def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the number and value of each field: integers as they lie there, others as bytes.

        InvalidValue if this is not a message, or if the body has more fields than it may have: an
        empty field takes two bytes to send and a thousand times as much to read.
        """
        position, end = 0, len(data)
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise InvalidValue(
                    f"The body has more than {self.most} fields.", hint="Send smaller batches."
                )
            # Nearly all tags and lengths have one byte.
            tag = data[position]
            if tag < 0x80:
                position += 1
            else:
                tag, position = _varint(data, position)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                raise broken()
            if wire == _BYTES:
                if position < end and data[position] < 0x80:
                    begin = position + 1
                    position = begin + data[position]
                else:
                    size, begin = _varint(data, position)
                    position = begin + size
                if position > end:
                    raise broken()
                yield number, data[begin:position]
            elif wire == _VARINT:
                value, position = _varint(data, position)
                yield number, value
            elif wire in (_FIXED64, _FIXED32):
                begin, position = position, position + (8 if wire == _FIXED64 else 4)
                if position > end:
                    raise broken()
                yield number, int.from_bytes(data[begin:position], "little")
            else:
                raise broken()


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise broken()
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
        shift += 7


def message(value: int | memoryview) -> memoryview:
    """Return a field that must be a message, a text or bytes."""
    if isinstance(value, int):
        raise broken()
    return value


def text(value: int | memoryview) -> str:
    """Return a field that must be a text."""
    try:
        return bytes(message(value)).decode()
    except UnicodeDecodeError:
        raise broken() from None


def whole(value: int | memoryview) -> int:
    """Return a field that must be an unsigned integer."""
    if not isinstance(value, int):
        raise broken()
    return value


def signed(value: int | memoryview) -> int:
    """Return a field that must be a signed 64-bit integer."""
    number = whole(value)
    return number - (1 << 64) if number >> 63 else number


def double(value: int | memoryview) -> float:
    """Return a field that must be a floating-point number of 64 bits."""
    number: float = _DOUBLE.unpack(whole(value).to_bytes(8, "little"))[0]
    return number


def broken() -> InvalidValue:
    """What was sent is cut off or something else."""
    return InvalidValue("The body is not a valid message of the OpenTelemetry protocol.")
