"""Ends what a worker leaves behind that is killed: run as a script, it imports nothing of ours.

It waits until its standard input is closed, which happens however the worker ends, and kills all
processes that bear the worker's mark in their environment.
"""

from __future__ import annotations

import os
import signal
import sys
import time

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
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(_STEP_SECONDS)


def _marked(variable: bytes, mark: bytes) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                variables = file.read().split(b"\0")
            with open(f"/proc/{entry}/stat", "rb") as file:
                is_dead = file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
        except OSError:
            continue
        if not is_dead and any(v.startswith(variable) and mark in v for v in variables):
            found.append(int(entry))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
