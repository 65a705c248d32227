"""Who does not program writes a prompt, tries it, sees a test fail, mends it, and promotes it.

The model is the embedded one, behind a gateway, and a client of that gets the new text at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import requests
from conftest import serving
from pegboard_scripting.client import Client
from playwright.sync_api import Page, expect

TOML = """
[[gateway.endpoints]]
name = "small"
provider = "llamacpp"
model = "smollm2"

[[gateway.endpoints]]
name = "other"
provider = "llamacpp"
model = "smollm2"

[[gateway.endpoints]]
name = "capital"
prompt = "capital@production"
provider = "llamacpp"
model = "smollm2"

[registry.gates]
production = ["prompt-tests"]
"""
IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
CHAMPION = "Count to three {{how}} for {{country}}."
BAD, GOOD = "Count to five {{how}} for {{country}}.", "What is the capital of {{country}}? {{how}}"
ROWS = "country,how\n" + "".join(
    f"{each},Answer briefly.\n" for each in ("France", "Italy", "Spain", "Japan", "Egypt")
)
MARKUP = "<img src=x onerror=alert(1)>"


def test_a_prompt_is_written_tried_refused_by_its_tests_mended_and_promoted(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    client = Client(f"sqlite:{tmp_path}/s.db")
    client.create_registered_model("capital", IS_PROMPT)
    tags = {**IS_PROMPT, "mlflow.prompt.text": CHAMPION, "_mlflow_prompt_type": "text"}
    client.create_model_version("capital", "dummy-source", tags=tags)
    client.set_registered_model_alias("capital", "production", "1")
    (tmp_path / "pegboard.toml").write_text(TOML)
    with serving(tmp_path) as served:
        written_and_tried(page, served.url)
        accessible(page)
        bound(page, accessible)
        refused(page, served.url, accessible)
        mended_and_promoted(page, served.url, accessible)
        body = {
            "model": "capital", "variables": {"country": "France", "how": "Answer briefly."},
            "max_tokens": 8, "temperature": 0,
        }  # fmt: skip
        answer = requests.post(f"{served.url}/v1/chat/completions", json=body, timeout=60)
        assert "capital" in answer.json()["choices"][0]["message"]["content"], answer.text
        page.goto("about:blank")


def written_and_tried(page: Page, url: str) -> None:
    """Write a version with two variables, and try it and the champion on two models and rows."""
    on = "small?t=0&max=8,other?t=0&max=8"
    page.goto(f"{url}/playground?prompt=capital&on={requests.utils.quote(on, safe='')}")
    page.get_by_role("textbox", name="Prompt").fill(BAD)
    page.locator("footer").click()
    page.keyboard.press("e")
    page.get_by_role("menuitem", name="new rows…").click()
    box = page.get_by_role("dialog", name="New data set")
    box.get_by_label("Rows:").fill(ROWS)
    box.get_by_role("textbox", name="Name", exact=True).fill("cities")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="5 rows")).to_be_visible()
    page.keyboard.press("x")
    page.keyboard.press("Control+Enter")
    told = page.get_by_text(re.compile(r"\d+ in, \d+ out"))
    expect(told).to_have_count(20, timeout=120_000)
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_label("What is new").fill("five instead of three")
    page.keyboard.press("Enter")
    expect(page.get_by_text("saved v2 of capital and 2 runs")).to_be_visible()


def bound(page: Page, accessible: Callable[[Page], None]) -> None:
    """Bind what is loaded: the rows and the models are there, a rule is typed."""
    page.locator("footer").click()
    page.keyboard.press("b")
    box = page.get_by_role("dialog", name="Tests of capital")
    expect(box.get_by_label("Rows of the data set")).to_have_value("cities")
    # Two models would be twice the time.
    box.get_by_role("checkbox", name="other").uncheck()
    expect(box.get_by_role("checkbox", name="small")).to_be_checked()
    expect(box.get_by_role("status")).to_contain_text("Say what answers have to be like")
    for kind, text in (("contains, in whatever case", "capital"), ("does not contain", MARKUP)):
        box.get_by_role("button", name="add a rule").click()
        box.get_by_role("combobox", name=re.compile("^Rule")).last.select_option(label=kind)
        box.get_by_role("textbox", name=re.compile("^Text of rule")).last.fill(text)
    box.get_by_label("Add a scorer").select_option(label="pii_detection")
    box.get_by_label("Threshold of pii_detection").fill("0.5")
    box.get_by_label("Percent of the rows").fill("80")
    accessible(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("the tests of capital are bound")).to_be_visible()


def refused(page: Page, url: str, accessible: Callable[[Page], None]) -> None:
    """Try to promote it, test it, and see what failed."""
    page.goto(f"{url}/prompts/capital?at=2")
    tests = page.get_by_role("region", name="Tests")
    expect(tests).to_contain_text("Each row of cities as of version 1 is put to small; 80 % of")
    expect(tests).to_contain_text("Only what passes may be production.")
    expect(tests).to_contain_text(f"the answer does not contain “{MARKUP}”")
    expect(page.locator("main img")).to_have_count(0)
    page.keyboard.press("m")
    page.get_by_role("menuitem", name=re.compile("^production")).click()
    form = page.get_by_role("form", name="Move production")
    expect(form).to_contain_text("it was not tested")
    expect(form.get_by_role("button", name="Move to v2")).to_be_disabled()
    tests.get_by_role("button", name="Test v2").click()
    # The gate is asked again by itself.
    gate = form.get_by_role("list", name="Gates")
    expect(gate).to_contain_text("0 of 5 rows pass, 80 % have to: 80 points", timeout=120_000)
    expect(gate).to_contain_text("the answer contains “capital”, in whatever case: 0 of 5 rows")
    expect(gate).not_to_contain_text("pii_detection gives")
    outcome = tests.get_by_role("table").get_by_role("row").filter(has_text="v2")
    expect(outcome).to_contain_text("failed")
    expect(outcome).to_contain_text("pii_detection gives at least 0.5: 5 of 5 rows, mean 1")
    accessible(page)
    gate.get_by_role("link", name="the answers that failed").click()
    expect(page.get_by_role("columnheader", name="icontains", exact=False).first).to_be_visible()


def mended_and_promoted(page: Page, url: str, accessible: Callable[[Page], None]) -> None:
    """Write another version, test it by a key, and promote it."""
    page.goto(f"{url}/playground?prompt=capital&version=2")
    page.get_by_role("textbox", name="Prompt").fill(GOOD)
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_label("What is new").fill("asks for the capital")
    page.keyboard.press("Enter")
    expect(page.get_by_text("saved v3 of capital")).to_be_visible()
    page.goto(f"{url}/prompts/capital?at=3")
    tests = page.get_by_role("region", name="Tests")
    expect(tests.get_by_role("button", name="Test v3")).to_be_visible()
    page.keyboard.press("t")
    rows = tests.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text="v3")).to_contain_text("passed", timeout=120_000)
    page.keyboard.press("m")
    page.get_by_role("menuitem", name=re.compile("^production")).click()
    form = page.get_by_role("form", name="Move production")
    expect(form.get_by_role("list", name="Gates")).to_contain_text("passes prompt-tests")
    page.keyboard.type("it passes")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Aliases")).to_contain_text("productionv3")
    accessible(page)
