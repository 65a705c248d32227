"""Pages of plugins: the one that `plugins new` writes, and ways to go wrong beyond a throw."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Served, serving, watched
from pegboard_scripting.client import Client
from pegboard_testing import scaffold
from playwright.sync_api import Browser, Page, expect

BAD = {
    "later": "export default class extends HTMLElement { async connectedCallback() {"
    " await this.host.api.get('ui/pages'); throw new Error('no data today') } }",
    "when-pressed": "export default class extends HTMLElement { connectedCallback() {"
    " const b = document.createElement('button'); b.textContent = 'press'; b.onclick = () => {"
    " throw new Error('no data today') }; this.append(b) } }",
    "not-a-module": "export default class {",
    "not-an-element": "export default 5",
    "with-markup": "export default class extends HTMLElement { connectedCallback() {"
    " this.innerHTML = '<img src=x onerror=alert(1)>' } }",
}


def install(place: Path, name: str) -> Path:
    """Write a plugin with a page, and let Python find it as if it were installed."""
    target, _ = scaffold.create(name, "page", place / name)
    package = target / "src" / f"pegboard_{name.replace('-', '_')}"
    info = target / "src" / f"pegboard_{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pegboard-{name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[pegboard]\n{name} = {package.name}.plugin\n")
    return package


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a store with the pages of several plugins."""
    place = tmp_path_factory.mktemp("plugged")
    packages = [install(place, "fresh-page")]
    for name, code in BAD.items():
        package = install(place, name)
        (package / "page" / "page.js").write_text(code)
        packages.append(package)
    client = Client(f"sqlite:{place}/s.db")
    client.create_run(client.create_experiment("<b>birds</b>"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(str(package.parent) for package in packages))
        with serving(place) as served:
            yield served


def test_a_new_plugins_page_shows_the_stores_data_and_follows_it(
    page: Page, plugged: Served
) -> None:
    page.goto(plugged.url)
    page.get_by_role("link", name="FreshPage").click()
    expect(page.get_by_role("listitem").filter(has_text="birds")).to_have_text(
        "<b>birds</b>: 1 runs"
    )
    client = Client(plugged.store)
    experiment = client.get_experiment_by_name("<b>birds</b>")
    assert experiment is not None
    client.create_run(experiment.experiment_id)
    expect(page.get_by_role("listitem").filter(has_text="birds")).to_have_text(
        "<b>birds</b>: 2 runs"
    )


@pytest.mark.parametrize("name", BAD)
def test_a_page_that_throws_is_named_and_all_else_goes_on(
    chromium: Browser, plugged: Served, name: str
) -> None:
    title = "".join(part.capitalize() for part in name.split("-"))
    context = chromium.new_context()
    page, _ = watched(context)
    page.goto(f"{plugged.url}/p/{name}")
    if name == "when-pressed":
        page.get_by_role("button", name="press").click()
    failed = page.get_by_role("alert")
    expect(failed).to_contain_text(f"The page of the plugin {title} failed")
    expect(failed).to_contain_text("All other pages work.")
    if name in ("later", "when-pressed"):
        expect(failed).to_contain_text("no data today.")
    page.keyboard.press("r")
    if name != "when-pressed":
        expect(failed).to_be_visible()
    page.get_by_role("link", name="FreshPage").click()
    expect(page.get_by_role("heading", name="FreshPage").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    context.close()
