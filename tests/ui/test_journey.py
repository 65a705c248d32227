"""A first visit, from the best run to the alias of its model, with the keyboard alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from conftest import Served, at_the_bench
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve bird songs; heron-31 has files of every kind, traces and a model."""
    with at_the_bench(tmp_path_factory.mktemp("journey")) as served:
        yield served


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_from_the_best_run_to_the_champion_with_the_keyboard_alone(
    page: Page, bench: Served
) -> None:
    heading = page.get_by_role("heading", level=1)
    page.goto(bench.url)
    # The experiment is found by a part of its name.
    expect(page.get_by_role("row", name=re.compile("birdsong-classifier"))).to_be_visible()
    press(page, "/")
    page.keyboard.type("birdsong")
    press(page, "Enter")
    # The best run: the table in order of its first metric.
    expect(page.locator(".body .row").first).to_be_visible()
    press(page, "s")
    expect(page.get_by_role("columnheader", name="acc", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(page.locator(".body .row").first).to_contain_text("heron-31")
    # It and the next one are compared.
    press(page, "j", "Space", "j", "Space")
    expect(page.locator(".body .row.pick")).to_have_count(2)
    press(page, "c")
    expect(heading).to_have_text("compare 2 runs")
    expect(page.locator(".cmp-run").nth(1)).to_contain_text("plover-07")
    expect(page.get_by_role("rowheader", name="acc", exact=True)).to_be_visible()
    # From there into the best.
    press(page, "ArrowRight")
    expect(page.locator(".cmp-run", has_text="heron-31")).to_be_focused()
    press(page, "o")
    expect(heading).to_have_text("heron-31")
    # A figure among its files, found by walking down the tree.
    press(page, "4")
    files = page.get_by_role("tree", name="Files")
    figures = files.get_by_role("treeitem", name=re.compile("^figures"))
    expect(figures).to_be_visible()
    page.keyboard.press("Tab")
    for _ in range(40):
        if files.evaluate("tree => tree === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(files).to_be_focused()
    press(page, "Home")
    at = "tree => document.getElementById(tree.getAttribute('aria-activedescendant')).textContent"
    for _ in range(20):
        if files.evaluate(at).startswith("figures"):
            break
        press(page, "ArrowDown")
    press(page, "ArrowRight", "ArrowDown", "Enter")
    figure = page.get_by_role("img", name="confusion.png")
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    # A trace of it, and back.
    press(page, "5")
    expect(page.get_by_role("region", name="Traces").get_by_role("link").first).to_be_visible()
    press(page, "j", "Enter")
    expect(page).to_have_url(re.compile("/traces/"))
    press(page, "l")
    expect(page.get_by_role("treegrid").locator("[aria-selected=true]")).to_have_count(1)
    press(page, "Control+k")
    page.keyboard.type("heron-31")
    expect(page.get_by_role("option", selected=True)).to_contain_text("heron-31")
    press(page, "Enter")
    expect(heading).to_have_text("heron-31")
    # Its model gets a name, and the name an alias; each is told and can be taken back.
    press(page, "m")
    expect(page.get_by_role("combobox", name="Name")).to_be_focused()
    page.keyboard.type("first-songs")
    press(page, "Enter")
    said = page.locator(".foot .said")
    expect(said.get_by_role("link", name="see it")).to_be_visible()
    press(page, "g", "o")
    expect(page).to_have_url(f"{bench.url}/models/first-songs/1")
    page.get_by_role("button", name=re.compile("^Move an alias")).wait_for()
    press(page, "m")
    expect(page.get_by_role("menuitem", name=re.compile("^new alias"))).to_be_focused()
    press(page, "Enter")
    page.keyboard.type("champion")
    press(page, "Enter")
    expect(page.get_by_role("textbox", name="Why")).to_be_focused()
    page.keyboard.type("the best so far")
    press(page, "Enter")
    expect(page.locator(".mod-title .mod-alias")).to_have_text("champion")
    expect(said).to_contain_text("champion")
    asked = "/api/2.0/mlflow/registered-models/alias?name=first-songs&alias=champion"
    with urlopen(bench.url + asked) as answer:
        assert json.load(answer)["model_version"]["run_id"] == bench.ids["heron-31"]
