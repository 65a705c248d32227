"""Ask for streamed answers, one after the other on each of some connections.

Answers with chunks a second, and the milliseconds to the first chunk: median and 90th percentile.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from common import answer, request

_DATA = b"data: "
_END = b"0\r\n\r\n"
_STOP = b'"stop"'


def main() -> None:
    """Load, answer."""
    asyncio.run(_load(**request()))


async def _load(url: str, body: str, connections: int, seconds: float) -> None:
    end = time.perf_counter() + seconds
    firsts: list[float] = []
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask(url, body, end, firsts)) for _ in range(connections)]
    chunks = sum(task.result() for task in tasks)
    firsts.sort()
    answer(
        rate=chunks / (time.perf_counter() - begin),
        first=firsts[len(firsts) // 2] * 1000,
        first90=firsts[len(firsts) * 9 // 10] * 1000,
        streams=len(firsts),
    )


async def _ask(url: str, body: str, end: float, firsts: list[float]) -> int:
    place = urlsplit(url)
    head = f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer sk-1234"
    sent = (
        f"{head}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    chunks = 0
    while time.perf_counter() < end:
        # A connection each, so that no system's way to end a stream makes a difference.
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        begin = time.perf_counter()
        writer.write(sent)
        status, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        if b" 200" not in status:
            raise RuntimeError((status + rest + await reader.read(2000)).decode(errors="replace"))
        found, first = b"", 0.0
        while not found.endswith(_END) and (data := await reader.read(1 << 16)):
            found += data
            if not first and _DATA in found:
                first = time.perf_counter() - begin
                firsts.append(first)
        # Not all systems end with [DONE].
        if _STOP not in found:
            raise RuntimeError(f"A stream broke off: {found[-500:]!r}")
        chunks += found.count(_DATA)
        writer.close()
    return chunks


if __name__ == "__main__":
    main()
