"""Evaluations: their rows, two of them side by side, and where a model is worst."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import graders
import pytest
from conftest import Served, serving
from pegboard_evaluation import comparing
from pegboard_scripting.client import Client
from pegboard_stores.reviews import LabelSchemas, LabelType, Numeric
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a store of evaluations, which no test changes."""
    place = tmp_path_factory.mktemp("graders")
    ids = graders.fill(f"sqlite:{place}/s.db")
    with serving(place, ids=ids) as served:
        yield served


def opened(page: Page, graded: Served, *runs: str, more: str = "") -> Any:
    page.goto(f"{graded.url}/evaluate?runs={','.join(graded.ids[run] for run in runs)}{more}")
    return page.get_by_role("grid", name="Rows").get_by_role("row")


def test_the_worst_row_is_first_and_says_why_by_the_keyboard_alone(
    page: Page, graded: Any, accessible: Callable[[Page], None]
) -> None:
    rows = opened(page, graded, "prompt-v1")
    expect(rows).to_have_count(7)
    expect(rows.nth(0)).to_contain_text("5, 1 failed")
    expect(rows.nth(1)).to_contain_text("Ten.")
    expect(page.get_by_text(graders.MARKUP)).to_be_visible()
    assert page.locator("main img").count() == 0
    accessible(page)
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    side = page.get_by_role("complementary", name="The row")
    expect(side).to_contain_text("ValueError: one word is no answer")
    expect(side.get_by_role("link", name="its trace")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(side).to_have_count(0)
    page.keyboard.press("f")
    expect(rows).to_have_count(2)
    page.keyboard.press("f")
    page.keyboard.press("/")
    page.keyboard.type("list of invoices")
    expect(page.get_by_role("status").filter(has_text="1 of 6 rows")).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.get_by_role("menuitemcheckbox", name="topic").press("Enter")
    expect(rows).to_have_count(9)
    expect(rows.nth(1)).to_contain_text("billing 2 rows")
    page.reload()
    expect(rows.nth(4)).to_contain_text("1 error")


def test_answers_of_two_runs_stand_beside_each_other(page: Page, graded: Any) -> None:
    rows = opened(page, graded, "prompt-v1", "prompt-v2")
    expect(rows).to_have_count(7)
    expect(rows.nth(1)).to_contain_text("worse no")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="No row fits")).to_be_visible()
    page.keyboard.press("l")
    expect(rows).to_have_count(7)
    for key in ("j", "Enter", "x"):
        page.keyboard.press(key)
    side = page.get_by_role("complementary", name="The row")
    expect(side.locator("ins").first).to_have_text("OPEN")
    expect(side.locator("del").first).to_have_text("Open")


def test_what_mlflow_logged_is_shown_too(page: Page, graded: Any) -> None:
    rows = opened(page, graded, "table")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("another bird")
    picture = rows.nth(1).get_by_role("img")
    expect(picture).to_have_attribute("alt", re.compile("table_images/"))
    expect(picture).to_have_js_property("naturalWidth", 256)
    rows = opened(page, graded, "traced")
    expect(rows).to_have_count(7)
    expect(rows.nth(0)).to_contain_text("5, 1 failed")
    expect(rows.nth(0)).not_to_contain_text("of_others")
    expect(rows.nth(1)).to_contain_text("failed")
    expect(rows.nth(2)).to_contain_text("yes")
    rows = opened(page, graded, "big")
    expect(page.get_by_role("grid", name="Rows")).to_have_attribute("aria-rowcount", "10001")
    assert rows.count() < 80
    page.keyboard.press("End")
    expect(rows.last).to_contain_text("question 9998")
    page.get_by_role("button", name="closeness").click()
    expect(rows.nth(1)).to_contain_text("question 0")


def test_a_row_is_judged_by_the_questions_of_its_experiment(
    page: Page, graded: Any, accessible: Callable[[Page], None]
) -> None:
    client = Client(graded.store)
    home = client.get_run(graded.ids["traced"]).info.experiment_id
    schemas = client.store.ability(LabelSchemas)
    assert schemas is not None
    made = schemas.create(home, "stars", type=LabelType.FEEDBACK, input=Numeric(1, 5))
    opened(page, graded, "traced").nth(2).click()
    row = page.get_by_role("complementary", name="The row")
    stars = row.get_by_role("group", name="stars")
    stars.get_by_role("button", name="4").click()
    expect(stars.get_by_role("button", name="4")).to_have_attribute("aria-pressed", "true")
    accessible(page)
    link = row.get_by_role("link", name="its trace").get_attribute("href") or ""
    trace = link.rpartition("/")[2]
    said = client.store.traces().get(trace).info.assessments
    assert [(each.value, each.source_type) for each in said if each.name == "stars"] == [
        (4, "HUMAN")
    ]
    stars.get_by_role("button", name="4").click()
    expect(stars.get_by_role("button", name="4")).to_have_attribute("aria-pressed", "false")
    schemas.delete(made.schema_id)


def test_what_won_and_lost_has_the_numbers_of_the_command_and_its_rows(
    page: Page, graded: Any, accessible: Callable[[Page], None], phone: Page
) -> None:
    before, after = graded.ids["tree"], graded.ids["forest"]
    told = comparing.compare(before, after, by=["region"], client=Client(graded.store))
    south = told.slices["region=south"]["correct"]
    assert (south.won, south.lost, told.metrics["correct"].rows) == (10, 20, graders.N)
    assert south.interval is not None
    opened(page, graded, "tree", "forest", more="&view=compare&by=region")
    lines = page.get_by_role("region", name="Won and lost").get_by_role("row")
    expect(lines).to_have_count(6)
    low, high = (f"{end:+.4g}" for end in south.interval)
    expect(lines.last).to_contain_text(f"{low} to {high}")
    expect(lines.last).to_contain_text(south.verdict)
    accessible(page)
    lines.last.get_by_role("link", name="20").click()
    rows = page.get_by_role("grid", name="Rows")
    expect(rows).to_have_attribute("aria-rowcount", "21")
    opened(page, graded, "forest", more="&view=slices")
    slices = page.get_by_role("region", name="Slices")
    expect(slices.get_by_role("row").nth(1)).to_contain_text("region=south")
    accessible(page)
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    expect(rows).to_have_attribute("aria-rowcount", "31")
    expect(page.get_by_role("button", name=re.compile("age=.* & region=south"))).to_be_visible()
    phone.goto(page.url)
    expect(phone.get_by_role("grid", name="Rows")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_runs_without_rows_and_runs_that_are_not_there_say_so(page: Page, graded: Any) -> None:
    page.goto(f"{graded.url}/evaluate")
    expect(page.get_by_role("heading", name="No evaluation to look at")).to_be_visible()
    page.goto(f"{graded.url}/evaluate?runs=nothing")
    expect(page.get_by_role("alert")).to_contain_text("The evaluation could not be read")
    page.goto(f"{graded.url}/runs/{graded.ids['tree']}")
    page.get_by_role("link", name="evaluation g v").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", level=1)).to_have_text("evaluation of tree")
