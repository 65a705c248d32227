"""The first page: what runs now, what there is, what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import birdsong
from playwright.sync_api import Page, expect


def test_it_shows_what_runs_and_what_there_is(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(birds.url)
    now = page.get_by_label("What runs now").get_by_role("link")
    expect(now).to_have_count(3)
    expect(now.filter(has_text="heron-31")).to_contain_text("8,652 of 10,000")
    row = page.get_by_role("table", name="Experiments").get_by_role("row").filter(has_text="churn")
    expect(row).to_contain_text("auc")
    expect(row).to_contain_text("12")
    expect(page.get_by_text("3 live")).to_be_visible()
    accessible(page)


def test_the_keys_go_to_an_experiment(page: Page, birds: Any) -> None:
    page.goto(birds.url)
    expect(page.locator(".home-list").get_by_role("link", name="churn-tabular")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("churn")
    expect(page.locator(".home-list").get_by_role("link", name="tiny-lm-pretrain")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{birds.url}/experiments/{birds.ids['churn-tabular']}")
    expect(page.locator(".body .row")).to_have_count(12)


def test_a_store_without_runs_shows_the_code_that_fills_it(page: Page, fresh: Any) -> None:
    page.goto(fresh.url)
    code = page.get_by_role("region", name="Code that logs here")
    expect(code).to_contain_text(f'pegboard.set_tracking_uri("{fresh.url}")')


def test_below_a_path_and_behind_a_proxy_all_is_the_same(
    page: Page, tmp_path: Any, serve: Any
) -> None:
    ids = birdsong.fill(f"sqlite:{tmp_path}/s.db")
    with serve(tmp_path, "--root-path", "/team/ml") as served:
        page.goto(served.url)
        page.locator(".home-list").get_by_role("link", name="tiny-lm-pretrain").click()
        expect(page).to_have_url(f"{served.url}/experiments/{ids['tiny-lm-pretrain']}")
        expect(page.locator(".body .row")).to_have_count(6)
        page.reload()
        expect(page.locator(".body .row")).to_have_count(6)
        page.goto("about:blank")
