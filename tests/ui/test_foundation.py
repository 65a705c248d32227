"""What all pages share: the policy, the keys, the theme, links, and the pages of plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect


def test_the_first_page_breaks_no_rule_and_is_accessible(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(birds.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("pegboard")
    accessible(page)


def test_the_question_mark_lists_the_keys_and_escape_closes(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(birds.url)
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("?")
    box = page.get_by_role("dialog", name="Keys")
    expect(box).to_contain_text("Dark or light")
    # Those of other pages stand below, as "On other pages".
    expect(box).to_contain_text("Compare the picked runs")
    accessible(page)
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_the_theme_is_the_systems_until_a_key_says_otherwise_and_is_kept(
    page: Page, birds: Any
) -> None:
    page.goto(birds.url)
    page.get_by_role("heading", level=1).wait_for()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(246, 244, 238)"
    page.keyboard.press("Shift+D")
    assert page.evaluate(ground) == "rgb(18, 19, 21)"
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    assert page.evaluate(ground) == "rgb(18, 19, 21)"
    page.keyboard.press("Shift+D")
    assert page.evaluate("document.documentElement.dataset.theme ?? ''") == ""


def test_the_palette_goes_to_a_page_with_the_keyboard_alone(page: Page, birds: Any) -> None:
    page.goto(birds.url)
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("plugi")
    expect(page.get_by_role("option").first).to_contain_text("Plugins")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{birds.url}/p/plugins")
    page.go_back()
    expect(page).to_have_url(f"{birds.url}/")


def test_the_palette_finds_experiments_models_and_runs_from_every_page(
    page: Page, nest: Any
) -> None:
    page.goto(f"{nest.url}/p/plugins")
    page.get_by_role("cell", name="pegboard-ui").wait_for()
    for typed, kind, title in (
        ("churn", "experiment", "churn-tabular"),
        ("birdso", "model", "birdsong"),
        ("heron", "run", "heron-31"),
    ):
        page.keyboard.press("Control+k")
        page.keyboard.type(typed)
        option = page.get_by_role("option", name=f"{kind} {title}", exact=True)
        expect(option).to_be_visible()
        page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("heron-31")
    expect(page.get_by_role("option").first).to_contain_text("heron-31")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{nest.url}/runs/{nest.ids['heron-31']}")


def test_links_are_followed_without_loading_the_page_anew(page: Page, birds: Any) -> None:
    page.goto(birds.url)
    page.evaluate("window.mark = 1")
    page.get_by_role("link", name="Plugins").click()
    expect(page.get_by_role("cell", name="pegboard-ui")).to_be_visible()
    assert page.evaluate("window.mark") == 1


def test_an_address_of_nothing_says_so(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{birds.url}/p/no-such-plugin")
    expect(page.get_by_role("heading", name="No plugin has a page")).to_be_visible()
    page.goto(f"{birds.url}/nothing/here")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "15px"
    accessible(page)
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pegboard")
