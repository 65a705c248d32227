"""A gateway with something to see: endpoints of a local vendor, budgets, and a past of calls."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "plugins/gateway/tests"))

from conftest import DESK, watched
from pegboard.contracts.llm import Task
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.entities import Attempt, Caller, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage.writer import UsageWriter, open_database
from playwright.sync_api import Browser, Page
from upstream_fake import CHAT, FakeUpstream

PASSWORD = "long enough"
LEVELS = {"root": "admin", "ann": "write", "bob": "read"}
SECRET = "sk-marker-of-the-upstream-0123456789"
_HEAD = """
[gateway]
budgets = [{ usd = 600, per = "month", by = "global" }]
"""
_TARGET = """
[[gateway.endpoints.targets]]
provider = "openai"
model = "{model}"
fallback = {fallback}
api_key = "{secret}"
base_url = "{url}"
price = {{ input = {price}, output = {dear} }}
"""
# name, budget in dollars, models, calls an hour, seconds, tokens, share that falls back
ENDPOINTS = (
    ("agents", 300, ("tern-70b", "finch-8b"), 60, 1.12, 1800, 0.04),
    ("summarise", 120, ("finch-8b",), 80, 0.58, 640, 0.0),
    ("rag-answer", 100, ("tern-70b", "sparrow-3b"), 14, 1.31, 1100, 0.06),
    ("embed", 40, ("wren-embed",), 23, 0.06, 512, 0.0),
    ("judge", 40, ("finch-8b", "tern-70b"), 4, 0.74, 880, 0.005),
    ("sandbox", 0, ("sparrow-3b",), 0.3, 0.33, 200, 0.0),
)
_PRICES = {"tern-70b": 22.0, "finch-8b": 6.0, "sparrow-3b": 0.0, "wren-embed": 2.0}
_HOUR_MS = 3_600_000


def configure(place: Path, url: str, *, head: str = "", retries: int = 1) -> None:
    """Write the configuration of endpoints whose vendor listens at ``url``."""
    parts = [head, _HEAD]
    for name, budget, models, *_ in ENDPOINTS:
        task = "llm/v1/embeddings" if name == "embed" else "llm/v1/chat"
        parts.append(f'\n[[gateway.endpoints]]\nname = "{name}"\ntask = "{task}"\n')
        parts.append(f"retries = {{ attempts = {retries} }}\n")
        parts.append("breaker = { failures = 2, seconds = 300 }\n")
        if budget:
            parts.append(f'budget = {{ usd = {budget}, per = "month" }}\n')
        for fallback, model in enumerate(models):
            price = _PRICES[model]
            parts.append(
                _TARGET.format(
                    model=model, fallback=fallback, secret=SECRET, url=url, price=price,
                    dear=2 * price,
                )
            )  # fmt: skip
    (place / "pegruns").mkdir(exist_ok=True)
    (place / "pegboard.toml").write_text("".join(parts))


def users(place: Path) -> str:
    """Make a user of each level; return the table of the configuration that names them."""
    command = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add"]
    for name, level in LEVELS.items():
        options = [name, "--level", level, "--users", str(place / "users"), "--password-stdin"]
        subprocess.run(
            [*command, *options], input=PASSWORD + "\n", text=True, check=True, capture_output=True
        )
    return f'[server]\nusers_file = "{place}/users"\n'


def headers(user: str) -> dict[str, str]:
    """Return the headers of a user's requests."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{PASSWORD}".encode()).decode()}


@contextmanager
def seen_by(
    chromium: Browser, user: str, viewport: Any = DESK, theme: Any = "light"
) -> Iterator[Page]:
    """Open a page as a user sees it, which must not misbehave."""
    context = chromium.new_context(
        viewport=viewport, color_scheme=theme, extra_http_headers=headers(user)
    )
    page, seen = watched(context)
    yield page
    seen.check(page)
    context.close()


def keys(place: Path) -> None:
    """Make keys: for all, for some, one that will be over, one that was revoked."""
    store = KeyStore(place / "pegruns" / "gateway.db")
    store.create(name="search-service", user="search-team", limits=["600/minute"])
    store.create(
        name="nightly evaluation", user="nightly-eval", endpoints=["judge", "rag-*"],
        budgets=["10 USD/day"], expires_ms=int(time.time() * 1000) + 30 * 24 * _HOUR_MS,
        created_by="root",
    )  # fmt: skip
    revoked, _ = store.create(name="notebook of ann", user="ann")
    store.revoke(revoked.id)
    store.close()


def past(place: Path, days: int = 22) -> None:
    """Fill the records with what happened since then; each hour of the last day in detail."""
    directory = place / "pegruns" / "gateway"
    journal = Journal(directory / "journal")
    writer = UsageWriter(open_database(directory / "usage.db"), journal, keeps_levels=True)
    now = int(time.time() * 1000)
    records = sorted(_records(now, days, Random(7)), key=lambda record: record.started_ms)
    for number, record in enumerate(records):
        writer.add(Closed(f"past-{number}", row_of(record, f"past-{number}", admitted=True)))
    writer.close()
    journal.close()


def _records(now: int, days: int, random: Random) -> Iterator[UsageRecord]:
    hours = days * 24
    for hour in range(hours):
        begins = now - (hours - hour) * _HOUR_MS
        wave = 1 + 0.55 * math.sin(hour / 24 * 2 * math.pi)
        # Of older days fewer calls, each for several.
        many = 1 if hour >= hours - 48 else 20
        for endpoint in ENDPOINTS:
            rate = endpoint[3] * wave / many
            for _ in range(int(rate) + (random.random() < rate % 1)):
                yield _record(random, begins + random.randrange(_HOUR_MS), endpoint, many)


def _record(
    random: Random, at: int, endpoint: tuple[str, int, tuple[str, ...], float, float, int, float],
    many: int,
) -> UsageRecord:  # fmt: skip
    name, _, models, _, seconds, tokens, falls = endpoint
    took = seconds * random.lognormvariate(0, 0.45)
    used = int(tokens * random.uniform(0.6, 1.4)) * many
    fell = random.random() < falls
    failed = random.random() < 0.004
    model = models[-1] if fell else models[0]
    attempts = [_attempt(name, 0, models[0], "rate_limit_exceeded", 429)] if fell else []
    attempts.append(
        _attempt(name, len(models) - 1 if fell else 0, model, "upstream_timeout" if failed else "")
    )
    return UsageRecord(
        id=f"past-{at}",
        started_ms=at,
        endpoint=name,
        task=Task.EMBEDDING if name == "embed" else Task.CHAT,
        face="openai",
        outcome=Outcome.FAILED if failed else Outcome.DONE,
        status=504 if failed else 200,
        trouble="upstream_timeout" if failed else "",
        caller=Caller("", random.choice(("search-team", "nightly-eval", "ann"))),
        stream=True,
        provider="openai",
        model=model,
        target=attempts[-1].target,
        tokens=Tokens() if failed else Tokens(used * 2 // 3, used // 3),
        cost=0 if failed else int(used * _PRICES[model] * 210),
        seconds=10.0 if failed else took,
        first_token_seconds=0 if failed else took / 4,
        upstream_seconds=took,
        attempts=tuple(attempts),
    )


def _attempt(name: str, number: int, model: str, trouble: str = "", status: int = 0) -> Attempt:
    return Attempt(
        target=f"{name}/{number}", provider="openai", model=model, trouble=trouble, status=status
    )


__all__ = [
    "CHAT", "ENDPOINTS", "LEVELS", "SECRET", "FakeUpstream", "configure", "headers", "keys", "past",
    "seen_by", "users",
]  # fmt: skip
