"""Ends what a worker leaves behind that is killed: run as a script, it imports nothing of ours.

It waits until its standard input is closed, which happens however the worker ends, and kills all
processes that bear the worker's mark in their environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

_STEP_SECONDS = 0.05


def main(variable: str, mark: str) -> None:
    """Wait, then kill until there is nothing left."""
    if os.fork():
        # Not a child of the worker any more: Ray kills these.
        os._exit(0)
    os.setsid()
    while os.read(0, 4096):
        pass
    while found := _marked(f"{variable}=".encode(), mark.encode()):
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_STEP_SECONDS)


def _marked(variable: bytes, mark: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        is_dead = state in (b"Z", b"X")
        if not is_dead and any(v.startswith(variable) and mark in v for v in variables):
            found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
