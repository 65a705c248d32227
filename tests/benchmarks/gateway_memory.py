"""The memory of the gateway over many calls, and over many streams that are open at one time.

It takes minutes, so it is measured only if it is named: ``run.py --only gateway_memory``.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import gateways
from processes import folder
from rows import Row
from server_load import load

_CALLS, _STREAMS = 100_000, 1_000
_PARTS = 4
"""In how many parts the calls are made."""
_SETTLING_SECONDS = 1.0
_GROWTH = 1.05
"""Of the later parts over the first: records that wait and pieces of memory that are not in use."""


def measure(quick: bool) -> list[Row]:
    """Make the calls, then the streams; a tenth of them if it is to be quick."""
    calls, streams = (_CALLS // 10, _STREAMS // 10) if quick else (_CALLS, _STREAMS)
    with (
        folder() as place,
        gateways.upstream() as up,
        gateways.serving(gateways.CONTROLLED, place, up) as (url, _, process),
    ):
        memory = [gateways.memory_of(process.pid)]
        made = 0.0
        for _ in range(_PARTS):
            made += _make(url, calls // _PARTS, place)
            memory.append(_settled(process.pid))
        opened = []
        for _ in range(2):
            opened.append(asyncio.run(_open(url, streams, process.pid)))
            memory.append(_settled(process.pid))
    return _rows(made, streams, memory, opened)


def _make(url: str, wanted: int, place: Path) -> float:
    """Make at least so many calls; return how many those were."""
    body, made = json.dumps(gateways.body_of("chat")), 0.0
    while made < wanted:
        made += 2 * load(url, body, 32, 2, place).rate
    return made


def _settled(pid: int) -> float:
    time.sleep(_SETTLING_SECONDS)
    return gateways.memory_of(pid)


async def _open(url: str, count: int, pid: int) -> float:
    """Return the memory while so many streams have begun and none has ended."""
    begun = asyncio.Semaphore(0)
    body = {**gateways.body_of("chat"), "stream": True}
    text = json.dumps(body).replace("few words", "few words, and stay")
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_stream(url, text, begun))
            if number % 50 == 49:
                await asyncio.sleep(0.05)
        for _ in range(count):
            await begun.acquire()
        return gateways.memory_of(pid)


async def _stream(url: str, body: str, begun: asyncio.Semaphore) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(
        f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    found = await reader.readuntil(b"data: ")
    if b" 200" not in found.partition(b"\r\n")[0]:
        raise RuntimeError(found.decode())
    begun.release()
    rest = await reader.read()
    while piece := await reader.read():
        rest = piece
    if b"0\r\n\r\n" not in rest[-10:]:
        raise RuntimeError(f"A stream broke off: {rest[-200:]!r}")
    writer.close()


def _rows(made: float, streams: int, memory: list[float], opened: list[float]) -> list[Row]:
    told = ", ".join(f"{each:.1f}" for each in memory)
    held = ", ".join(f"{each:.1f}" for each in opened)
    # The first half fills SQLite's cache of pages, which is bounded.
    first, last = memory[_PARTS // 2], memory[_PARTS]
    note = f"MB at start, after each part of the calls, after the streams: {told}"
    return [
        Row(f"gateway: memory after {made:,.0f} calls", "MB", last, 100, better="less", note=note),
        Row("gateway: of that after half of them", "×", last / first, _GROWTH, better="less"),
        Row(
            f"gateway: memory with {streams:,} open streams",
            "MB",
            max(opened),
            better="less",
            note=f"the first and second time: {held}",
        ),
        Row(
            "gateway: memory after the streams, second time to the first",
            "×",
            memory[-1] / memory[-2],
            _GROWTH,
            better="less",
        ),
    ]
