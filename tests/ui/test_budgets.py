"""How much code the pages load: each no more than it may, compressed with gzip."""

from __future__ import annotations

from typing import Any

from pegboard_ui.site import STATIC
from playwright.sync_api import Page

FIRST_KB = 140
"""What all pages load at first: the document, code, style and fonts."""
LOADED = "performance.getEntriesByType('resource').map((each) => new URL(each.name).pathname)"


def test_the_code_of_each_page_fits_its_budget(page: Page, nest: Any) -> None:
    run, other = nest.ids["plover-07"], nest.ids["avocet-02"]
    birdsong = f"experiments/{nest.ids['birdsong-classifier']}"
    # What draws charts is part of their budget alone, and what reads Markdown of none: few need it.
    pages = {
        f"{birdsong}?view=charts": ("figure.chart", 30, ()),
        f"runs/{run}": (".run-cols", 15, ("chart",)),
        f"compare?runs={run},{other}": (".cmp-grid", 20, ("chart",)),
        f"evaluate?runs={run}": (".hole", 25, ()),
        "prompts": (".hole", 25, ()),
        "prompts/none": (".hole", 25, ("prose",)),
        "playground": (".pl-body", 25, ()),
        "models": (".mod-page, [role=grid], table", 12, ()),
        "models/birdsong": (".mod-page", 12, ("prose",)),
        "models/birdsong/9": (".mod-page", 12, ("prose",)),
        "traces": (".traces-list", 14, ()),
        "traces/none": ("main .dots", 14, ()),
    }
    # Who saves data is sent no code of pages that they might go to.
    page.add_init_script(
        "Object.defineProperty(navigator, 'connection', {value: {saveData: true}})"
    )
    page.goto(f"{nest.url}/{birdsong}")
    page.locator("[role=row]").nth(1).wait_for()
    first = _assets(page)
    sizes = {"first": (_kb(first, ()), FIRST_KB)}
    for path, (shown, budget, apart) in pages.items():
        page.goto(f"{nest.url}/{path}")
        page.locator(shown).first.wait_for()
        found = _assets(page) - first
        assert found, path
        sizes[path] = (_kb(found, apart), budget)
    assert not {path: told for path, told in sizes.items() if told[0] > told[1]}, sizes


def _assets(page: Page) -> set[str]:
    return {path.rpartition("/")[2] for path in page.evaluate(LOADED) if "/assets/" in path}


def _kb(names: set[str], apart: tuple[str, ...]) -> float:
    """Return what files weigh; fonts are compressed as they are."""
    total = 0
    for name in names:
        file = STATIC / "assets" / name
        if name.partition("-")[0] not in apart:
            packed = file.with_name(f"{name}.gz")
            total += (packed if packed.exists() else file).stat().st_size
    return round(total / 1000, 1)
