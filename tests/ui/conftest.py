"""The page in Debian's Chromium, against a real server with real data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import frozen
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
import aviary
import birdsong
import workbench

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
AXE = Path(__file__).parents[2] / "plugins/ui/web/node_modules/axe-core/axe.min.js"
PATIENCE_MS = 30_000
"""How long something that is to come is waited for; a machine with much else to do is slow."""
expect.set_options(timeout=PATIENCE_MS)
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SECONDS = 60
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@frozen
class Served:
    """Where a server listens, what its store is, and the ids of what is in it by name."""

    url: str
    store: str
    ids: dict[str, str]
    group: int = 0
    """Its group of processes."""


@contextmanager
def serving(place: Path, *options: str, ids: dict[str, str] | None = None) -> Iterator[Served]:
    """Serve the store of a directory."""
    store = f"sqlite:{place}/s.db"
    command = str(Path(sys.executable).with_name("pegboard"))
    words = [command, "server", "--store", store, "--port", "0", "--no-access-log", *options]
    with (place / "log").open("a") as log:
        process = subprocess.Popen(
            words, cwd=place, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http" in line, (place / "log").read_text()
        yield Served(line[line.index("http") :].strip(), store, ids or {}, process.pid)
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the store of bird songs; tests that change something leave the names alone."""
    place = tmp_path_factory.mktemp("birds")
    ids = birdsong.fill(f"sqlite:{place}/s.db")
    with serving(place, ids=ids) as served:
        yield served


@pytest.fixture(scope="session")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the same with a model that has a past, and files; tests change models of their own."""
    place = tmp_path_factory.mktemp("nest")
    store = f"sqlite:{place}/s.db"
    ids = birdsong.fill(store)
    aviary.fill(store, ids)
    aviary.files(store, ids)
    with serving(place, ids=ids) as served:
        yield served


@contextmanager
def at_the_bench(place: Path) -> Iterator[Served]:
    """Serve bird songs in a directory; heron-31 has files of every kind, traces and a model."""
    store = f"sqlite:{place}/s.db"
    ids = birdsong.fill(store)
    ids |= workbench.fill(store, ids["heron-31"])
    with serving(place, ids=ids) as served:
        yield served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """Serve a new store, for a test that fills it."""
    with serving(tmp_path) as served:
        yield served


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[Served]]:
    """Return what serves a directory with options of one's own."""
    return serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start the browser, once for each file: while Playwright is there, no other loop can run."""
    if not Path(CHROMIUM).is_file():
        pytest.fail("Install Chromium (apt-get install chromium), or name it in CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--force-prefers-reduced-motion"]
        )
        yield browser
        browser.close()


@frozen
class Watched:
    """What a page did that no page may."""

    problems: list[str]
    origins: set[str]

    def check(self, page: Page, allowed: tuple[str, ...] = ()) -> None:
        """Fail for violations of the policy, errors in scripts, and requests to elsewhere."""
        self.problems.extend(
            page.evaluate("window.violations ?? []") if page.url != "about:blank" else []
        )
        problems = [said for said in self.problems if not any(word in said for word in allowed)]
        assert problems == []
        assert len(self.origins) <= 1, self.origins


def watched(context: BrowserContext) -> tuple[Page, Watched]:
    """Open a page that is watched."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(WATCH)
    seen = Watched([], set())
    page.on("pageerror", lambda error: seen.problems.append(f"error: {error}"))
    page.on(
        "console",
        lambda said: (
            seen.problems.append(f"console: {said.text}")
            if said.type == "error"
            and not any(word in said.text for word in ("status of", "net::ERR_"))
            else None
        ),
    )

    def requested(request: Any) -> None:
        place = urlsplit(request.url)
        # The browser's viewer of PDFs is an extension of its own.
        if place.scheme not in ("data", "blob", "chrome", "chrome-extension"):
            seen.origins.add(f"{place.scheme}://{place.netloc}")

    page.on("request", requested)
    return page, seen


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open a page in a window of 1440 × 900, light, that must not misbehave."""
    context = chromium.new_context(viewport=DESK, color_scheme="light")
    page, seen = watched(context)
    yield page
    seen.check(page)
    context.close()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """Open a page in a window of 390 × 844."""
    context = chromium.new_context(viewport=PHONE, color_scheme="light", has_touch=True)
    page, seen = watched(context)
    yield page
    seen.check(page)
    context.close()


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Return what asserts that axe finds nothing on a page."""
    if not AXE.is_file():
        pytest.fail("Run once: cd plugins/ui/web && npm ci --ignore-scripts")
    source = AXE.read_text()

    def check(page: Page) -> None:
        # Evaluated by the browser's debugger, so the page's policy stays as it is.
        page.evaluate(f"() => {{ {source} }}")
        found = page.evaluate(
            "async () => (await axe.run(document, {preload: false})).violations"
            ".map(v => `${v.id}: ${v.nodes.map(n => n.html.slice(0, 160)).join(' | ')}`)"
        )
        assert found == []

    return check
