"""Post one body, or get without one, over and over on some connections.

Answers with the rate, and the 99th and 50th percentile.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from urllib.parse import urlsplit

from common import answer, request


def main() -> None:
    """Load, answer."""
    asyncio.run(_load(**request()))


async def _load(url: str, body: str, connections: int, seconds: float) -> None:
    end = time.perf_counter() + seconds
    numbers = itertools.count(1)
    spent: list[float] = []
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_post(url, body, numbers, end, spent))
    rate = len(spent) / (time.perf_counter() - begin)
    spent.sort()
    p99, p50 = (spent[len(spent) * percent // 100] * 1000 for percent in (99, 50))
    answer(rate=rate, p99=p99, p50=p50)


async def _post(
    url: str, body: str, numbers: itertools.count[int], end: float, spent: list[float]
) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    method = "POST" if body else "GET"
    path = place.path + f"?{place.query}" * bool(place.query)
    head = f"{method} {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json"
    while time.perf_counter() < end:
        sent = body.replace("@", str(next(numbers)))
        begin = time.perf_counter()
        writer.write(f"{head}\r\nContent-Length: {len(sent)}\r\n\r\n{sent}".encode())
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        lengths = [line for line in headers if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0].partition(b":")[2]))
        if b" 200" not in status:
            raise RuntimeError(status.decode())
        spent.append(time.perf_counter() - begin)
    writer.close()


if __name__ == "__main__":
    main()
