"""GGUF files: what their header says, and how one is written.

The header is read before llama.cpp sees the file: whether it is one at all, and whole; whether its
model chats or embeds. Imports the standard library alone.
Source: the specification of GGUF, versions 2 and 3, in the repository of ggml.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from attrs import frozen

MAGIC = b"GGUF"
ALIGNMENT = 32
"""Tensors begin at multiples of this, where the file names no other number."""

_NUMBERS = dict(zip((*range(8), 10, 11, 12), "BbHhIif?Qqd", strict=True))
"""Codes of the module ``struct`` by the types that the format numbers."""
_LENGTH = struct.Struct("<Q")
_UINT32, _INT32, _FLOAT32, _BOOL, _TEXT, _ARRAY = 4, 5, 6, 7, 8, 9
_SHOWN = 8
"""Longer arrays, such as vocabularies, are passed over."""

Value: TypeAlias = "int | float | bool | str | Sequence[str] | Sequence[int]"


class NotGGUFError(ValueError):
    """A file is not a GGUF file, or not a whole one; the text says which."""


@frozen
class Header:
    """What the header of a GGUF file says of its model."""

    values: Mapping[str, Any]
    """Numbers, texts and short arrays by their names, such as ``general.architecture``."""

    @property
    def architecture(self) -> str:
        """The kind of network, such as ``llama`` or ``bert``."""
        return str(self.values.get("general.architecture", ""))

    @property
    def embeds(self) -> bool:
        """Whether the model makes one vector of a text, and no text."""
        pooling = self.values.get(f"{self.architecture}.pooling_type", 0)
        return bool(pooling) or self.architecture.endswith("bert")

    @property
    def context(self) -> int:
        """The number of tokens that the model was trained to look back at; 0 if not said."""
        return int(self.values.get(f"{self.architecture}.context_length", 0))

    @property
    def knows_tools(self) -> bool:
        """Whether the model's chat template has a place for tools."""
        return "tools" in str(self.values.get("tokenizer.chat_template", ""))


def read_header(path: Path) -> Header:
    """Return the header of a file; NotGGUFError if it is none or is cut off; OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGGUFError("it does not begin with GGUF")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except (struct.error, IndexError, OverflowError, UnicodeDecodeError):
                raise NotGGUFError("its header is cut off or damaged") from None


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 4

    def header(self) -> Header:
        version = self.number("I")
        if version not in (2, 3):
            raise NotGGUFError(f"its version is {version}, and only 2 and 3 can be read")
        tensors, pairs = self.number("Q"), self.number("Q")
        values = {}
        for _ in range(pairs):
            name = self.text()
            values[name] = self.value(self.number("I"))
        last = max((self.tensor() for _ in range(tensors)), default=0)
        start = -self.at % int(values.get("general.alignment") or ALIGNMENT) + self.at
        if start + last >= len(self.data):
            raise NotGGUFError(f"it is cut off: it has {len(self.data):,} bytes, and should go on")
        return Header(values)

    def number(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self) -> str:
        begin = self.skip(self.number("Q"))
        return self.data[begin : self.at].decode(errors="replace")

    def skip(self, size: int) -> int:
        """Move on by ``size`` bytes and return where they begin."""
        begin, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise IndexError
        return begin

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _ARRAY:
            return self.array(self.number("I"), self.number("Q"))
        if kind not in _NUMBERS:
            raise NotGGUFError("its header is cut off or damaged")
        return self.number(_NUMBERS[kind])

    def array(self, kind: int, length: int) -> list[Any]:
        if kind in _NUMBERS and length > _SHOWN:
            self.skip(length * struct.calcsize(_NUMBERS[kind]))
            return []
        if kind == _TEXT and length > _SHOWN:
            self.skip_texts(length)
            return []
        return [self.value(kind) for _ in range(length)]

    def skip_texts(self, count: int) -> None:
        """Move on by so many texts; a vocabulary has a hundred thousand, so each is one step."""
        length_at, data, at = _LENGTH.unpack_from, self.data, self.at
        for _ in range(count):
            at += _LENGTH.size + length_at(data, at)[0]
        self.skip(at - self.at)

    def tensor(self) -> int:
        """Return where a tensor begins, counted from the first."""
        self.text()
        self.skip(8 * self.number("I"))
        self.number("I")
        return int(self.number("Q"))


@frozen
class Tensor:
    """A tensor of float32 to write: its shape with the fastest index first, and its bytes."""

    name: str
    shape: Sequence[int]
    data: bytes | memoryview


def write(file: BinaryIO, values: Mapping[str, Value], tensors: Iterable[Tensor]) -> None:
    """Write a GGUF file, the same bytes for the same content."""
    kept = list(tensors)
    head = BytesIO()
    head.write(MAGIC + struct.pack("<IQQ", 3, len(kept), len(values)))
    for name, value in values.items():
        head.write(_text(name) + _value(value))
    offset = 0
    for tensor in kept:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        head.write(_text(tensor.name) + shape + struct.pack("<IQ", 0, offset))
        offset += len(tensor.data) + _padding(len(tensor.data))
    file.write(head.getvalue() + bytes(_padding(head.tell())))
    for tensor in kept:
        file.write(tensor.data)
        file.write(bytes(_padding(len(tensor.data))))


def _padding(size: int) -> int:
    return -size % ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", _TEXT) + _text(value)
    if value and isinstance(value[0], str):
        texts = b"".join(_text(str(each)) for each in value)
        return struct.pack("<IIQ", _ARRAY, _TEXT, len(value)) + texts
    return struct.pack(f"<IIQ{len(value)}i", _ARRAY, _INT32, len(value), *value)
