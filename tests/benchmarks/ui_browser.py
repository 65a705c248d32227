"""A page in Chromium, and what it costs: time, work of its main thread, bytes, requests, heap.

The time of a page or an action ends with the first frame that shows what was waited for; bytes and
work are counted until the page is at rest. Chromium is driven through its debugger, which is no
part of the page.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from playwright.sync_api import Browser, Error, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
LIMIT_S = 15.0
"""What takes longer is given up."""
_REST_S, _LONGEST_REST_S = 0.4, 8.0
_CODE = ("Document", "Script", "Stylesheet", "Font", "Image", "Manifest", "Other")

_UNTIL = """
([act, done, limit]) => new Promise((resolve) => {
  const shown = new Function('return (' + done + ')')
  const begin = act === null ? 0 : performance.now()
  if (act !== null) new Function(act)()
  const look = () => {
    const now = performance.now() - begin
    let found = false
    try { found = shown() } catch {}
    // This frame shows it. It is drawn right after this, and before any message comes.
    if (found) {
      const channel = new MessageChannel()
      channel.port1.onmessage = () => resolve(performance.now() - begin)
      channel.port2.postMessage(0)
    }
    else if (now > limit) resolve(-1)
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
})
"""
SCROLL = """
([box, row, step, count]) => new Promise((resolve) => {
  const scroller = document.querySelector(box)
  let frames = 0, blank = 0
  const isBlank = () => {
    const at = scroller.getBoundingClientRect()
    const y = at.top + at.height / 2
    const found = document.elementsFromPoint(at.left + 200, y).find((each) => each.matches(row))
    return !found || !found.textContent.trim()
  }
  const frame = () => {
    if (frames && isBlank()) blank++
    if (frames++ === count) return resolve(blank)
    scroller.scrollTop += step
    requestAnimationFrame(frame)
  }
  frame()
})
"""
"""Scrolls so many px a frame; returns how many of the frames showed no row in their middle."""


@frozen
class Cost:
    """What a page or an action cost; NaN where it never came to an end."""

    wall_ms: float
    thread_ms: float
    requests: int
    code_kb: float
    data_kb: float
    heap_mb: float


@define
class _Traffic:
    """What came from the server, by what it is; streams of events are no part of it."""

    requests: int = 0
    code: float = 0.0
    data: float = 0.0
    flying: dict[str, str] = field(factory=dict)
    moved: float = 0.0

    def sent(self, event: dict[str, Any]) -> None:
        if event["type"] == "EventSource" or not event["request"]["url"].startswith("http"):
            return
        self.requests += 1
        self.moved = time.monotonic()
        self.flying[event["requestId"]] = event["type"]

    def ended(self, event: dict[str, Any]) -> None:
        kind = self.flying.pop(event["requestId"], None)
        if kind is None:
            return
        self.moved = time.monotonic()
        size = event.get("encodedDataLength", 0) / 1000
        if kind in _CODE:
            self.code += size
        else:
            self.data += size


class Window:
    """One window of the browser, without anything in its cache."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page: Page = self._context.new_page()
        self._debugger = self._context.new_cdp_session(self.page)
        self._traffic = _Traffic()
        self._debugger.send("Network.enable")
        # What the thread works, not how long it takes where others work as well.
        self._debugger.send("Performance.enable", {"timeDomain": "threadTicks"})
        on = self._debugger.on
        on("Network.requestWillBeSent", lambda event: self._traffic.sent(event))
        on("Network.loadingFinished", lambda event: self._traffic.ended(event))
        on("Network.loadingFailed", lambda event: self._traffic.ended(event))

    def close(self) -> None:
        """Close it."""
        self._context.close()

    def open(self, url: str, done: str) -> Cost:
        """Open an address; `done` is an expression that holds once it shows what it is to show."""
        # A page that is left takes its counters with it.
        self.page.goto("about:blank")
        return self._cost(lambda: self._opened(url, done), fresh=True)

    def act(self, script: str, done: str) -> Cost:
        """Run a script in the page, which does what a click would do."""
        return self._cost(lambda: self._until(script, done), fresh=False)

    def follow(self, url: str, done: str) -> Cost:
        """Follow a link to an address of the same page."""
        script = f"const a = document.createElement('a'); a.href = {json.dumps(url)};"
        return self.act(f"{script} document.body.append(a); a.click(); a.remove()", done)

    def _opened(self, url: str, done: str) -> float:
        self.page.goto(url, wait_until="commit")
        return self._until(None, done)

    def _until(self, script: str | None, done: str) -> float:
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                found = self.page.evaluate(_UNTIL, [script, done, LIMIT_S * 1000])
            except Error:
                # A page that goes on to another one by itself takes the script with it.
                if script is not None or time.monotonic() > deadline:
                    raise
            else:
                return math.nan if found < 0 else float(found)

    def _cost(self, act: Callable[[], float], *, fresh: bool) -> Cost:
        self._traffic = _Traffic()
        before = 0.0 if fresh else self._figure("TaskDuration")
        wall = act()
        self._rest()
        # Of the page that was before it nothing is known.
        thread = self._figure("TaskDuration") - before
        self._debugger.send("HeapProfiler.collectGarbage")
        heap = self._figure("JSHeapUsedSize") / 1e6
        seen = self._traffic
        return Cost(wall, thread * 1000, seen.requests, seen.code, seen.data, heap)

    def _rest(self) -> None:
        """Wait until nothing has come for a while."""
        deadline = time.monotonic() + _LONGEST_REST_S
        self._traffic.moved = time.monotonic()
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            quiet = time.monotonic() - self._traffic.moved
            if quiet > _REST_S and not self._traffic.flying:
                return

    def _figure(self, name: str) -> float:
        found = self._debugger.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == name))


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
