"""Load on a server from another process: wrk, or a loader of our own where wrk is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from attrs import define
from processes import WORKLOADS

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@define
class Load:
    """What a server bore: requests a second, and within how many ms 99 % and 50 % were answered."""

    rate: float
    p99: float
    p50: float = 0.0


def tool() -> str:
    """Return the name of what loads."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def load(url: str, body: str, connections: int, seconds: int, place: Path) -> Load:
    """Post ``body`` over and over; each ``@`` in it becomes the number of the request.

    Without a body: get the URL over and over.

    Raises:
        RuntimeError: if an answer is anything but 200.
    """
    return (_wrk if tool() == "wrk" else _own)(url, body, connections, seconds, place)


def _wrk(url: str, body: str, connections: int, seconds: int, place: Path) -> Load:
    script = place / "load.lua"
    headers = '{["Content-Type"] = "application/json"}'
    script.write_text(
        f"local n = 0\nlocal body = [==[{body}]==]\nlocal changes = body:find('@', 1, true)\n"
        "request = function()\n  n = n + 1\n"
        "  if #body == 0 then return wrk.format('GET') end\n"
        "  local sent = changes and body:gsub('@', tostring(n)) or body\n"
        f"  return wrk.format('POST', nil, {headers}, sent)\nend\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency"]
    out = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    half, last = (re.search(rf"{n}%\s+([\d.]+)(us|ms|s|m)\b", out) for n in (50, 99))
    if rate is None or last is None or half is None:
        raise RuntimeError(out)
    p99, p50 = (float(found[1]) * _UNITS[found[2]] for found in (last, half))
    return Load(float(rate[1]), p99, p50)


def _own(url: str, body: str, connections: int, seconds: int, place: Path) -> Load:
    asked = {"url": url, "body": body, "connections": connections, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, str(WORKLOADS / "http_load.py"), json.dumps(asked)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Load(**json.loads(done.stdout))
