"""Prompts: written, tried on models of a gateway, saved with their runs, compared and promoted."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gatehouse
import pytest
import requests
import scribes
from attrs import frozen
from conftest import PHONE, Served, serving
from gatehouse import FakeUpstream, seen_by
from playwright.sync_api import Browser, Page, expect
from upstream_fake import Behaviour, Cut, Exchange, events_of, paused

MLFLOW = "/api/2.0/mlflow"
SERVED = """
[[gateway.endpoints]]
name = "support"
prompt = "triage-answer@production"
[[gateway.endpoints.targets]]
provider = "openai"
model = "tern-70b"
api_key = "none"
base_url = "{url}"
"""
"""An endpoint that fills the prompt itself."""
Check = Callable[[Page], None]


@frozen
class House:
    """A server with prompts and users, and the vendor behind its gateway."""

    served: Served
    upstream: FakeUpstream

    def get(self, path: str, /, **fields: Any) -> Any:
        """Ask the server as its administrator."""
        headers = gatehouse.headers("root")
        url = f"{self.served.url}{path}"
        answer = requests.get(url, params=fields, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve prompts to root, ann who may write, and bob who may read; each test has its own."""
    place = tmp_path_factory.mktemp("prompts")
    with ExitStack() as stack:
        upstream = stack.enter_context(FakeUpstream())
        gatehouse.configure(place, upstream.url, head=gatehouse.users(place))
        with (place / "pegboard.toml").open("a") as file:
            file.write(SERVED.format(url=upstream.url))
        ids = scribes.fill(f"sqlite:{place}/s.db")
        yield House(stack.enter_context(serving(place, ids=ids)), upstream)


def answer(page: Page, model: str) -> Any:
    return page.get_by_role("group", name=f"Answer of {model}", exact=True)


def broken_off_when(seen: threading.Event) -> Behaviour:
    """Send the beginning of an answer, and close the connection once it was seen."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        for event in [*events_of(exchange.request)][:2]:
            await exchange.chunk(event)
        while not seen.is_set():
            await asyncio.sleep(0.01)
        raise Cut

    return behave


def version_of(house: House, name: str, number: str) -> tuple[dict[str, Any], dict[str, str]]:
    found = house.get(f"{MLFLOW}/model-versions/get", name=name, version=number)["model_version"]
    return found, {tag["key"]: tag["value"] for tag in found["tags"]}


def test_a_prompt_is_written_tried_stopped_and_saved_by_keys(
    chromium: Browser, house: House, accessible: Check
) -> None:
    upstream = house.upstream
    with seen_by(chromium, "ann") as page:
        page.goto(f"{house.served.url}/prompts")
        page.get_by_role("table").wait_for()
        page.keyboard.press("n")
        page.get_by_role("textbox", name="Prompt").wait_for()
        page.keyboard.type("Greet {{name}} in {{ place }}.")
        page.keyboard.press("Control+Enter")
        # All that is missing is named, and the first of it can be typed at once.
        expect(page.get_by_text("These variables have no value: name, place")).to_be_visible()
        page.keyboard.type("{{place}}")
        page.get_by_role("textbox", name="place").fill("<b>Oslo</b>")
        page.locator("footer").click()
        page.keyboard.press("a")
        page.get_by_role("combobox", name="Model 2").select_option("summarise")
        before = len(upstream.requests)
        page.keyboard.press("Control+Enter")
        for model in ("agents", "summarise"):
            expect(answer(page, model)).to_contain_text("Hello from the fake model.")
            took = page.get_by_role("group", name=f"What {model} took")
            expect(took).to_contain_text(re.compile(r"first[\d.]+ s"))
            expect(took).to_contain_text(re.compile(r"tokens13cost\$0\.000\d"))
        # Filled once: a value with braces stays as it is.
        said = {asked.json["messages"][0]["content"] for asked in upstream.requests[before:]}
        assert said == {"Greet {{place}} in <b>Oslo</b>."}
        accessible(page)

        # Stopped in the middle, what came stays.
        upstream.next(paused(2), paused(2))
        page.keyboard.press("Control+Enter")
        expect(answer(page, "agents")).to_contain_text("Hello from")
        page.keyboard.press("Escape")
        expect(answer(page, "agents")).to_contain_text("Hello fromstopped")
        assert upstream.requests[-1].gone.wait(60)
        # What was not answered makes no run.
        expect(page.get_by_role("button", name="Save v1", exact=False)).to_have_text(
            re.compile("^Save v1ctrl")
        )
        page.keyboard.press("Control+Enter")
        expect(answer(page, "summarise")).to_contain_text("7 in, 6 out")
        expect(page.get_by_role("button", name="Save v1 and 2 runs")).to_be_visible()
        expect(page.get_by_text(re.compile(r"cost\$"))).to_have_count(2)
        # The answer that has no mark yet gets one; the same again takes it away.
        for mark in ("4", "2"):
            page.keyboard.press(mark)
        marks = page.get_by_role("group", name="Rating of the answer of summarise")
        expect(marks.get_by_role("button", name="2 of 5")).to_have_attribute("aria-pressed", "true")
        marks.get_by_role("button", name="5 of 5").click()
        expect(page.get_by_role("group", name="What summarise took")).to_contain_text("rating5")
        page.keyboard.press("Control+s")
        box = page.get_by_role("dialog")
        box.get_by_label("Name").fill("a/b")
        expect(box.get_by_text("A name has letters")).to_be_visible()
        box.get_by_label("Name").fill("oslo-hello")
        box.get_by_label("What is new").fill(scribes.MARKUP)
        box.get_by_label("Experiment").select_option("support-answers")
        accessible(page)
        page.keyboard.press("Enter")
        expect(page.get_by_text("saved v1 of oslo-hello and 2 runs")).to_be_visible()
        # It goes on where it was.
        expect(page).to_have_url(re.compile("prompt=oslo-hello&version=1"))
        expect(answer(page, "agents")).to_contain_text("Hello from the fake model.")
        page.keyboard.press("g")
        page.keyboard.press("o")
        uses = page.get_by_role("complementary", name="Version 1")
        expect(uses.get_by_role("link", name="oslo-hello-v1-summarise")).to_be_visible()
        expect(uses).to_contain_text(scribes.MARKUP)
    made, tags = version_of(house, "oslo-hello", "1")
    assert made["description"] == scribes.MARKUP
    assert made["user_id"] == "ann"
    assert tags["mlflow.prompt.text"] == "Greet {{name}} in {{ place }}."
    assert json.loads(tags["_mlflow_prompt_model_config"]) == {
        "model_name": "agents", "max_tokens": 1024,
    }  # fmt: skip
    used = house.get("/api/pegboard/1.0/ui/prompt-uses", name="oslo-hello", versions=["1"])
    assert len(used["versions"]["1"]["runs"]) == 2
    for each in used["versions"]["1"]["runs"]:
        run = house.get(f"{MLFLOW}/runs/get", run_id=each["run_id"])["run"]
        params = {param["key"]: param["value"] for param in run["data"]["params"]}
        assert params["prompt_template"] == "Greet {{name}} in {{ place }}."
        assert params["model_route"] in each["name"]
        assert run["info"]["experiment_id"] == house.served.ids["experiment"]
        metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
        assert metrics.keys() >= {"latency", "cost"}
        assert metrics["rating"] == (4 if params["model_route"] == "agents" else 5)


def test_rows_of_a_data_set_are_tried_beside_the_version_in_use(
    chromium: Browser, house: House, accessible: Check
) -> None:
    upstream = house.upstream
    with seen_by(chromium, "ann", theme="dark") as page:
        page.goto(f"{house.served.url}/playground?prompt={scribes.PROMPT}")
        # As the prompt's own config asks.
        expect(page.get_by_role("combobox", name="Model 1")).to_have_value("agents")
        expect(page.get_by_role("button", name=re.compile("t 0.2 · 512 max"))).to_be_visible()
        page.get_by_role("textbox", name="Message 1, system").fill("Only say {{company}}.")
        page.locator("footer").click()
        page.keyboard.press("e")
        page.get_by_role("menuitem", name=re.compile("march-questions")).click()
        expect(page.get_by_role("button", name="3 rows")).to_be_visible()
        page.keyboard.press("x")
        text = page.get_by_role("region", name="Text of the prompt")
        expect(text.locator("ins").first).to_have_text("Only")
        expect(text.locator("del").first).to_be_visible()
        before = len(upstream.requests)
        page.keyboard.press("Control+Enter")
        cells = page.get_by_role("group", name=re.compile("^Answer of agents to row"))
        expect(cells).to_have_count(6)
        expect(page.get_by_text("7 in, 6 out")).to_have_count(6)
        systems = [each.json["messages"][0]["content"] for each in upstream.requests[before:]]
        assert sorted(each for each in systems if each.startswith("Only say")) == sorted(
            f"Only say {row['company']}." for row in scribes.INPUTS
        )
        assert {each.json["temperature"] for each in upstream.requests[before:]} == {0.2}
        accessible(page)
        page.get_by_role("button", name="Save v6 and its run").click()
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.get_by_text("saved v6 of")).to_be_visible()
        # Now one answer breaks off in the middle: what came is kept and shown, the others go on.
        page.keyboard.press("x")
        seen = threading.Event()
        upstream.next(broken_off_when(seen))
        page.keyboard.press("Control+Enter")
        # Only what has come so far can be kept: before that the gateway asks another model.
        expect(page.get_by_text("Hello from", exact=True)).to_be_visible()
        seen.set()
        broken = page.get_by_role("alert").filter(has_text="It broke off here")
        expect(broken).to_have_count(1)
        expect(cells.filter(has=page.get_by_role("alert"))).to_contain_text("Hello from")
        expect(page.get_by_text("7 in, 6 out")).to_have_count(2)
    found = house.get("/api/pegboard/1.0/ui/prompt-uses", name=scribes.PROMPT, versions=["6"])
    [run] = found["versions"]["6"]["runs"]
    table = house.get(
        "/api/pegboard/1.0/artifacts/table", run_id=run["run_id"], path="eval_results_table.json"
    )
    assert table["rows"]["company"] == [row["company"] for row in scribes.INPUTS]
    assert table["rows"]["output"] == ["Hello from the fake model."] * 3


def test_a_gateway_that_dies_leaves_what_came(
    chromium: Browser, tmp_path: Path, house: House
) -> None:
    gatehouse.configure(tmp_path, house.upstream.url, head=gatehouse.users(tmp_path))
    with serving(tmp_path) as served, seen_by(chromium, "ann") as page:
        page.goto(f"{served.url}/playground")
        page.get_by_role("textbox", name="Prompt").fill("Hello")
        house.upstream.next(paused(2))
        page.keyboard.press("Control+Enter")
        expect(answer(page, "agents")).to_contain_text("Hello from")
        os.killpg(served.group, signal.SIGKILL)
        alert = answer(page, "agents").get_by_role("alert")
        expect(alert).to_contain_text("The gateway went away while it answered.")
        expect(answer(page, "agents")).to_contain_text("Hello from")
        page.keyboard.press("Control+Enter")
        expect(alert).to_contain_text("The server does not answer.")
        page.goto("about:blank")


def test_a_version_is_compared_promoted_and_rolled_back(
    chromium: Browser, house: House, accessible: Check
) -> None:
    with seen_by(chromium, "ann") as page:
        page.goto(f"{house.served.url}/prompts/{scribes.PROMPT}?at=5")
        heads = page.get_by_role("region", name="Aliases")
        expect(heads).to_contain_text("productionv4")
        versions = page.get_by_role("grid", name="Versions")
        expect(versions.get_by_role("columnheader", name="grounded")).to_be_visible()
        row = versions.get_by_role("row").filter(has_text="brief, with a list")
        expect(row).to_contain_text("0.9400")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("x")
        text = page.get_by_role("region", name="Text of v5")
        expect(text.get_by_role("heading", level=2)).to_have_text("v5 against v4 production")
        expect(text.locator("ins").filter(has_text="at most three sentences")).to_be_visible()
        accessible(page)
        page.keyboard.press("m")
        page.get_by_role("menuitem", name=re.compile("^production")).click()
        form = page.get_by_role("form", name="Move production")
        expect(form.get_by_role("table", name="What changes")).to_contain_text("better")
        accessible(page)
        page.keyboard.type("brief at last")
        page.keyboard.press("Enter")
        expect(heads).to_contain_text("productionv5")
        side = page.get_by_role("complementary", name="Version 5")
        expect(side).to_contain_text("brief at last")
        expect(side.get_by_role("link", name="support", exact=True)).to_be_visible()
        side.get_by_role("listitem").filter(has_text="production").get_by_role(
            "button", name="roll back"
        ).click()
        expect(heads).to_contain_text("productionv4")
        page.keyboard.press("h")
        expect(page.get_by_role("region", name="History")).to_contain_text(
            "production rolled back from v5 to v4"
        )
    with seen_by(chromium, "ann", theme="dark") as page:
        page.goto(f"{house.served.url}/prompts?q=GREET")
        line = page.get_by_role("row").filter(has_text="Greet {{name}}")
        # Markup is a text, wherever it stands.
        expect(line).to_contain_text(scribes.MARKUP)
        expect(page.get_by_role("row").filter(has_text=scribes.PROMPT)).to_have_count(0)
        accessible(page)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Text of v1")).to_contain_text(scribes.MARKUP)
        accessible(page)
        expect(page.locator("main img")).to_have_count(0)


def test_a_reader_sees_no_button_that_fails_and_a_phone_reads(
    chromium: Browser, house: House, accessible: Check
) -> None:
    with seen_by(chromium, "bob", PHONE) as page:
        for path, shown in (
            ("prompts", scribes.PROMPT),
            (f"prompts/{scribes.PROMPT}?at=4", "Be helpful and complete."),
            (f"playground?prompt={scribes.PROMPT}", "one needs the right to invoke models"),
        ):
            page.goto(f"{house.served.url}/{path}")
            expect(page.get_by_text(shown).first).to_be_visible()
            for name in (re.compile("^(save|run$|move|roll|remove|delete)", re.I), "new prompt"):
                expect(page.get_by_role("button", name=name)).to_have_count(0)
            expect(page.get_by_role("link", name="new prompt")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            accessible(page)
        page.goto(f"{house.served.url}/prompts/none")
        expect(page.get_by_role("heading", name="There is no such prompt")).to_be_visible()
