"""Pages of plugins: the example of the guide, and one that throws."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import birdsong
import pytest
from playwright.sync_api import Browser, Page, expect

EXAMPLE = Path(__file__).parents[1] / "examples" / "hello"
THROWS = "export default class extends HTMLElement { connectedCallback() { throw Error('%s') } }"


def install(site: Path, name: str) -> Path:
    """Put a plugin where Python finds it, as pip would; return the folder of its package."""
    package = site / name
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("__pycache__"))
    known = site / f"{name}-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (known / "entry_points.txt").write_text(f"[pegboard]\n{name} = {name}\n")
    return package


@pytest.fixture
def served(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serve a store with the plugin of the guide, and one whose page throws."""
    site = tmp_path / "site"
    install(site, "hello")
    broken = install(site, "broken")
    code = (broken / "__init__.py").read_text()
    code = code.replace('"hello", "Hello", "hello:', '"broken", "Broken", "broken:')
    (broken / "__init__.py").write_text(code)
    (broken / "page" / "main.js").write_text(THROWS % "no such thing")
    monkeypatch.setenv("PYTHONPATH", str(site))
    ids = birdsong.fill(f"sqlite:{tmp_path}/s.db")
    with serve(tmp_path, ids=ids) as found:
        yield found


def test_the_example_of_the_guide_counts_goes_and_is_accessible(
    page: Page, served: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(served.url)
    page.get_by_role("link", name="Hello").click()
    expect(page.get_by_role("heading", name="42 runs")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Show them").click()
    expect(page).to_have_url(f"{served.url}/experiments/all")
    page.go_back()
    expect(page.get_by_role("heading", name="42 runs")).to_be_visible()
    page.goto("about:blank")


def test_a_page_that_throws_is_named_and_all_else_goes_on(chromium: Browser, served: Any) -> None:
    page = chromium.new_page()
    page.goto(f"{served.url}/p/broken")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("The page of the plugin Broken failed")
    expect(box).to_contain_text("no such thing")
    page.get_by_role("link", name="Hello").click()
    expect(page.get_by_role("heading", name="42 runs")).to_be_visible()
    page.close()
