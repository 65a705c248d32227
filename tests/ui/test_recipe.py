"""The page of a recipe's run: its steps, why each ran, and what came of one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from conftest import Served
from pegboard_recipes.cards import page as cards
from pegboard_recipes.cards.card import Card
from pegboard_scripting.client import Client
from playwright.sync_api import Page, expect

EVIL = "<img src=x onerror=\"window.escaped = 'step'\">"


def step(name: str, needs: list[str], state: str, reason: str, **more: Any) -> dict[str, Any]:
    files = {"card": f"{name}/card.html", "log": None}
    return {"step": name, "needs": needs, "state": state, "reason": reason, **files, **more}


STEPS = [
    step("ingest", [], "kept", "no changes", seconds=0.82, when=1_790_000_000_000),
    step("split", ["ingest"], "done", f"steps/{EVIL}.py changed", seconds=12.3, when=1_790_000_000),
    step("train", ["split", "ingest"], "failed", "split changed", seconds=3, log="train/log.txt"),
    step("evaluate", ["split", "train"], "waiting", "", seconds=None, when=None, card=None),
]
RECORD = {
    "recipe": "songs",
    "kind": "regression/v1",
    "profile": "local",
    "status": "failed",
    "criteria": [{"metric": EVIL, "value": 3.0, "threshold": 2, "validated": False}],
    "steps": STEPS,
}


def made(birds: Served) -> str:
    """Log what a recipe that failed in a step logs; return the run."""
    client = Client(birds.store)
    run_id = str(client.create_run(birds.ids["owl-nights"], run_name="of a recipe").info.run_id)
    for name in ("ingest", "split", "train"):
        card = Card(step=name, recipe="songs")
        card.tab("Run Summary").facts(**{EVIL: EVIL})
        if name == "train":
            card.fail("Ridge is not defined", "Traceback")
        client.log_text(run_id, cards.html_of(card), f"{name}/card.html")
    client.log_text(run_id, f"fitting\n{EVIL}\n", "train/log.txt")
    client.log_text(run_id, json.dumps(RECORD), "recipe.json")
    return run_id


def test_the_steps_of_a_recipe_are_walked(
    page: Page, birds: Served, accessible: Callable[[Page], None]
) -> None:
    run_id = made(birds)
    page.goto(f"{birds.url}/runs/{run_id}")
    page.get_by_role("link", name="recipe g r").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("r")
    graph = page.get_by_role("navigation", name="Steps")
    expect(graph.get_by_role("link")).to_have_text(
        [re.compile(f"{each['step']}.*{each['state']}") for each in STEPS]
    )
    expect(graph.locator("[aria-current=step]")).to_contain_text("train")
    assert graph.locator(".in > svg path").count() == 5
    about = page.get_by_role("region", name="train")
    expect(about).to_contain_text("failed after 3.0s: split changed")
    card = page.frame_locator("iframe[title='Card of train']")
    card.get_by_text("Failure").click()
    expect(card.get_by_text("Ridge is not defined")).to_be_visible()
    expect(page.get_by_role("region", name="Outcome")).to_contain_text(f"missed {EVIL} 3 > 2")
    accessible(page)
    about.get_by_role("heading").click()
    page.keyboard.press("l")
    expect(page.get_by_role("region", name="Log")).to_have_text(f"fitting\n{EVIL}\n")
    page.keyboard.press("ArrowLeft")
    about = page.get_by_role("region", name="split")
    expect(about).to_contain_text(f"steps/{EVIL}.py changed")
    expect(about).to_contain_text("The log is empty")
    assert {"step=split", "show=log"} == set(page.url.partition("?")[2].split("&"))
    graph.get_by_role("link", name="evaluate").click()
    page.get_by_role("link", name="Card", exact=True).click()
    expect(page.get_by_text("There is no card yet")).to_be_visible()
    assert page.evaluate("window.escaped") is None
    page.goto(f"{birds.url}/recipes/{birds.ids['heron-31']}")
    expect(page.get_by_role("heading", name="This run is not of a recipe")).to_be_visible()
