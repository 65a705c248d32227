"""The list of keys and the palette: what a page can do is found by name, and once."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from playwright.sync_api import Page, expect

PAGES = {
    "charts beside the table": "/experiments/{birdsong-classifier}?view=split",
    "files of a run": "/runs/{plover-07}?tab=artifacts",
    "compare": "/compare?runs={heron-31},{plover-07}",
    "model": "/models/birdsong",
    "version": "/models/birdsong/9",
    "traces": "/traces",
}
LISTED = """[...document.querySelectorAll('dialog .top + .keys section')].map((section) => [
  section.querySelector('h3').textContent,
  [...section.querySelectorAll('dt')].map((keys) => [
    [...keys.querySelectorAll('kbd')].map((key) => key.textContent),
    keys.nextElementSibling.textContent,
  ]),
])"""


def found(page: Page, typed: str, title: str) -> None:
    """Take what the palette finds for what is typed."""
    page.keyboard.press("Control+k")
    page.keyboard.type(typed)
    option = page.get_by_role("option", name=re.compile(title)).first
    expect(option).to_be_visible()
    for _ in range(60):
        if option.get_attribute("aria-selected") == "true":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_what_is_typed_at_once_is_typed_into_what_opened(page: Page, nest: Any) -> None:
    page.goto(f"{nest.url}/compare?runs={nest.ids['heron-31']},{nest.ids['plover-07']}")
    page.get_by_role("rowheader", name="acc", exact=True).wait_for()
    for key, name in (("a", "Run"), ("k", "Go to, or do")):
        # A busy browser paints later than the next key comes; here it does not paint in between.
        focused = page.evaluate(
            """async ([key, ctrlKey]) => {
                const pressed = new KeyboardEvent('keydown', {key, ctrlKey, bubbles: true})
                document.body.dispatchEvent(pressed)
                for (let i = 0; i < 20; i++) await null
                return document.activeElement.getAttribute('aria-label') ?? ''
            }""",
            [key, key == "k"],
        )
        assert focused == name
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_each_thing_and_each_key_is_listed_once_on_every_page(page: Page, nest: Any) -> None:
    for name, path in PAGES.items():
        page.goto(nest.url + path.format(**nest.ids))
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_load_state("networkidle")
        page.keyboard.press("?")
        expect(page.get_by_role("heading", name="On other pages")).to_be_visible()
        sections: Any = page.evaluate(LISTED)
        assert Counter(head for head, _ in sections).most_common(1)[0][1] == 1, (name, sections)
        rows = [row for _, rows in sections for row in rows]
        words = [f"{head}: {does}" for head, rows in sections for _, does in rows]
        assert [word for word, count in Counter(words).items() if count > 1] == [], name
        keys = [key for keys, does in rows for key in keys if ", needs " not in does]
        assert [key for key, count in Counter(keys).items() if count > 1] == [], name
        assert "" not in keys, name


def test_what_needs_a_run_is_listed_and_says_so_until_there_is_one(page: Page, nest: Any) -> None:
    page.goto(f"{nest.url}/experiments/{nest.ids['churn-tabular']}")
    page.locator(".body .row").first.wait_for()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Compare the picked runs, needs two picked runs (space)")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    said = page.locator(".foot .said")
    expect(said).to_have_text("Compare the picked runs: this needs two picked runs (space)")
    # While something is said, the keys of what is picked go on.
    for key in ("j", "Space", "x"):
        page.keyboard.press(key)
    expect(page.get_by_role("img", name="hidden")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("compare 2 runs")


def test_colours_groups_and_the_order_are_found_by_name(page: Page, nest: Any) -> None:
    page.goto(f"{nest.url}/experiments/{nest.ids['birdsong-classifier']}")
    page.locator(".body .row").first.wait_for()
    found(page, "group", "Group by…")
    # It goes on with what may be grouped by, also by what is not shown.
    page.keyboard.type("seed")
    option = page.get_by_role("option", name="do Group by seed params.seed")
    expect(option).to_be_visible()
    expect(page.get_by_role("option").first).to_contain_text("Group by seed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name=re.compile("^20 24"))).to_be_visible()
    found(page, "no group", "No groups")
    found(page, "color runs by opt", "Colour runs by opt")
    expect(page.get_by_role("group", name="Colours by opt")).to_contain_text("adamw")
    found(page, "own col", "Own colours of runs")
    expect(page.get_by_role("group", name="Colours by opt")).to_have_count(0)
    found(page, "sort by loss", "Order by loss")
    expect(page.get_by_role("columnheader", name="loss")).to_have_attribute(
        "aria-sort", "ascending"
    )


def test_what_a_page_shows_to_press_is_found_by_name(page: Page, nest: Any) -> None:
    page.goto(f"{nest.url}/experiments/{nest.ids['birdsong-classifier']}?view=charts")
    page.get_by_role("button", name="acc: menu", exact=True).wait_for()
    found(page, "acc: menu", "^press acc: menu")
    expect(page.get_by_role("menuitem", name="Save as PNG")).to_be_visible()
    page.keyboard.press("Escape")
    found(page, "grid auto", "^press grid auto")
    expect(page.get_by_role("menuitemcheckbox", name="as many as")).to_be_visible()
