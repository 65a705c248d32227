"""Deleted runs and experiments come back; experiments are renamed, and opened together."""

from __future__ import annotations

import re
from typing import Any

from pegboard.entities import Metric
from pegboard_scripting.client import Client
from playwright.sync_api import Page, expect


def found(page: Page, typed: str, title: str) -> None:
    """Take the first thing that the palette finds."""
    page.keyboard.press("Control+k")
    page.keyboard.type(typed)
    expect(page.get_by_role("option", selected=True)).to_contain_text(title)
    page.keyboard.press("Enter")


def test_what_was_deleted_is_found_and_restored_and_experiments_opened_together(
    page: Page, fresh: Any
) -> None:
    client = Client(fresh.url)
    for name in ("owls", "wrens"):
        place = client.create_experiment(name)
        for number in range(2):
            run = client.create_run(place, run_name=f"{name}-{number}").info.run_id
            client.log_batch(run, metrics=[Metric("acc", number / 4, 1, 1)])
            if number:
                client.delete_run(run)
    # Both are opened together, from the list.
    page.goto(fresh.url)
    expect(page.get_by_role("row", name=re.compile("owls"))).to_be_visible()
    for key in ("j", "Space", "j", "Space", "o"):
        page.keyboard.press(key)
    expect(page.locator(".body .row")).to_have_count(2)
    # Long after the ten seconds of the undo bar.
    found(page, "deleted runs", "Deleted runs, to restore them")
    gone = page.get_by_role("row", name=re.compile("(owls|wrens)-1"))
    expect(gone).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("Delete")
    expect(page.locator(".foot .said")).to_contain_text("restored")
    expect(gone).to_have_count(1)
    page.get_by_role("button", name="all others").click()
    expect(page.locator(".body .row")).to_have_count(3)
    # One of them gets another name, is deleted, and comes back with one key.
    page.goto(f"{fresh.url}/experiments/{place}")
    expect(page.locator(".body .row").first).to_be_visible()
    found(page, "rename the exp", "Rename the experiment")
    box = page.get_by_role("textbox", name="New name")
    expect(box).to_have_value("wrens")
    box.fill("night wrens")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("night wrens")
    found(page, "delete the exp", "Delete the experiment")
    expect(page.get_by_role("row", name=re.compile("owls"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("night wrens"))).to_have_count(0)
    expect(page.locator(".foot .said")).to_contain_text("undo")
    page.keyboard.press("z")
    expect(page.get_by_role("heading", level=1)).to_have_text("night wrens")
