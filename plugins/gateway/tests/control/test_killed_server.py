"""A real server is killed while clients stream, fall back, go away and spend their budget."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from ..upstream_fake import FakeUpstream, cut, failing, rate, slow

CONFIG = """
[[gateway.endpoints]]
name = "chat"
budgets = [
    {{ usd = {usd}, per = "year" }},
    {{ usd = {usd}, per = "year", by = "user", unpriced = "allow" }},
]
limits = [{{ calls = 100000, per = "year", by = "address" }}, {{ tokens = 9999999, per = "year" }}]
retries = {{ attempts = 1, backoff_seconds = 0 }}
breaker = {{ failures = 100000 }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "bad"
api_key = "sk-marker"
base_url = "{url}"
price = {{ input = 1.0, output = 3.0 }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "good"
api_key = "sk-marker"
base_url = "{url}"
price = {{ input = 1.0, output = 2.0 }}
fallback = 1
"""
SECONDS = 60


class Killed:
    """A server in a group of processes of its own."""

    def __init__(self, place: Path, workers: int) -> None:
        command = [str(Path(sys.executable).with_name("pegboard")), "gateway", "start"]
        with (place / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", "0", "--workers", str(workers)],
                cwd=place,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert "://" in first, (place / "log").read_text()
        self.url = first[first.index("http") :].strip()

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of its workers, and wait until another has taken its place."""
        before = self._workers()
        os.kill(chance.choice(before), signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while len(set(self._workers()) - set(before)) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _workers(self) -> list[int]:
        pid = self.process.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self, with_signal: int) -> None:
        os.killpg(self.process.pid, with_signal)
        self.process.wait(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


def ask(url: str, chance: random.Random) -> int:
    """Make one call of some kind; return its status, 0 if the server went away."""
    stream = chance.random() < 0.5
    body: dict[str, Any] = {
        "model": "chat",
        "messages": [{"role": "user", "content": "Hello " * chance.randint(1, 20)}],
        "max_tokens": chance.randint(1, 40),
        "stream": stream,
    }
    try:
        with requests.post(
            f"{url}/v1/chat/completions", json=body, stream=True, timeout=SECONDS
        ) as answer:
            for number, _ in enumerate(answer.iter_lines()):
                if stream and number == 2 and chance.random() < 0.3:
                    break
            return answer.status_code
    except requests.RequestException:
        return 0


def query(file: Path, text: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(file)
    found = connection.execute(text).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(("workers", "all_die"), [(1, True), (2, True), (2, False)])
def test_what_was_spent_stays_in_the_budget_and_agrees_with_the_records(
    workers: int, all_die: bool, tmp_path: Path, upstream: FakeUpstream
) -> None:
    budget = 20_000_000
    text = CONFIG.format(url=upstream.url, usd=budget / 1e9)
    (tmp_path / "pegboard.toml").write_text(text)
    upstream.always(failing(503), model="bad")
    chance = random.Random(workers)
    server = Killed(tmp_path, workers)
    for turn in range(3):
        statuses: list[int] = []
        enough = threading.Event()

        def client(seed: int, server: Killed = server, enough: threading.Event = enough) -> None:
            own = random.Random(seed)
            while not enough.is_set():
                statuses.append(ask(server.url, own))  # noqa: B023
                if len(statuses) >= 60 or statuses[-1] == 0:  # noqa: B023
                    enough.set()

        for _ in range(40):
            upstream.next(*chance.sample([failing(500), rate(0), cut(2), slow(0.05)], 2))
        threads = [threading.Thread(target=client, args=(10 * turn + n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        assert enough.wait(SECONDS)
        if all_die or turn == 2:
            server.end(signal.SIGKILL)
        else:
            server.kill_one(chance)
        for thread in threads:
            thread.join(SECONDS)
        assert 200 in statuses or 429 in statuses
        if all_die or turn == 2:
            # The one that begins last does what the dead left.
            server = Killed(tmp_path, workers)
    assert ask(server.url, chance) in (200, 429, 502, 503)
    server.end(signal.SIGTERM)

    place = tmp_path / "pegruns" / "gateway"
    sums = "SELECT sum(cost), count(*), sum(tokens_in + tokens_out), max(cost) FROM gateway_call"
    ((spent, calls, tokens, dearest),) = query(place / "usage.db", f"{sums} WHERE admitted")
    if workers == 1:
        rows = query(place / "usage.db", "SELECT counter, level, 0 FROM gateway_level")
    else:
        rows = query(place / "counters.db", "SELECT counter, level, held FROM gateway_counter")
    levels = {counter: (level, held) for counter, level, held in rows}
    assert levels == {
        "money|year|endpoint|chat|chat": (spent, 0),
        "money|year|user|chat|": (spent, 0),
        "calls|year|address|chat|127.0.0.1": (calls, 0),
        "tokens|year|endpoint|chat|chat": (tokens, 0),
    }
    assert 0 < spent < budget + dearest
    assert list((place / "journal").glob("*/*")) == []
    ends = dict(query(place / "usage.db", "SELECT outcome, count(*) FROM gateway_call GROUP BY 1"))
    assert {"done", "failed"} <= set(ends)
