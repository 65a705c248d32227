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
from playwright.sync_api import Browser, Page, Route, expect
from upstream_fake import Behaviour, Cut, Exchange, events_of, failing, paused, well

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


async def judging(exchange: Exchange) -> None:
    """Give a verdict where one is asked for; say all else well."""
    asked = exchange.request.json
    if asked.get("response_format", {}).get("json_schema", {}).get("name") != "verdict":
        await well(exchange)
        return
    is_truth = asked["response_format"]["json_schema"]["schema"]["properties"]["result"] == {
        "type": "boolean"
    }
    verdict = {"rationale": scribes.MARKUP, "result": True if is_truth else "no"}
    await exchange.stream_head()
    for delta in ({"role": "assistant"}, {"content": json.dumps(verdict)}):
        choices = [{"index": 0, "delta": delta, "finish_reason": None}]
        await exchange.chunk(f"data: {json.dumps({'id': 'v', 'choices': choices})}\n\n".encode())
    for event in [*events_of(exchange.request)][-3:]:
        await exchange.chunk(event)
    await exchange.end()


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


def test_answers_to_rows_are_scored_by_judges_and_code_and_kept_with_the_run(
    chromium: Browser, house: House, accessible: Check
) -> None:
    upstream = house.upstream
    upstream.always(judging, model="finch-8b")
    data = house.served.ids["data"]
    with seen_by(chromium, "ann") as page:
        page.goto(f"{house.served.url}/playground?prompt={scribes.PROMPT}&version=5&data={data}")
        page.get_by_role("button", name="3 rows").wait_for()
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("7 in, 6 out")).to_have_count(3)
        page.keyboard.press("s")
        box = page.get_by_role("dialog", name="Scorers")
        own = box.get_by_role("group", name="registered in support-answers")
        own.get_by_role("checkbox", name="kindness").check()
        builtin = box.get_by_role("group", name="of pegboard")
        for name in ("pii_detection", "equivalence"):
            builtin.get_by_role("checkbox", name=name).check()
        builtin.get_by_role("checkbox", name=re.compile("^guidelines")).check()
        box.get_by_role("textbox", name="Guidelines").fill("Names an amount.")
        box.get_by_role("combobox").select_option("judge")
        accessible(page)
        page.keyboard.press("Escape")
        figures = page.get_by_role("group", name="What agents took")
        for told in ("kindness, mean1", "pii_detection, mean1", "guidelines, mean0"):
            expect(figures).to_contain_text(told)
        first = page.get_by_role("group", name="Scores of the answer of agents to row 1")
        expect(first).to_contain_text("kindness true")
        # Equal texts cost no call, and rows without an expectation say so.
        expect(first).to_contain_text("equivalence yes")
        expect(page.get_by_text("equivalence no score")).to_have_count(2)
        first.get_by_text("guidelines no").click()
        expect(first.get_by_role("paragraph").filter(has_text=scribes.MARKUP)).to_be_visible()
        accessible(page)
        verdicts = [
            each.json for each in upstream.requests
            if "verdict" in json.dumps(each.json.get("response_format", ""))
        ]  # fmt: skip
        assert len(verdicts) == 6
        marks = page.get_by_role("group", name="Rating of the answer of agents to row 1")
        marks.get_by_role("button", name="4 of 5").click()
        page.keyboard.press("Control+s")
        page.get_by_role("dialog").get_by_label("Experiment").wait_for()
        page.keyboard.press("Enter")
        expect(page.get_by_text("saved v5 of")).to_be_visible()
        found = house.get("/api/pegboard/1.0/ui/prompt-uses", name=scribes.PROMPT, versions=["5"])
        used = found["versions"]["5"]
        assert used["scores"]["kindness/mean"] == 1
        [run] = [each for each in used["runs"] if each["name"].endswith("-agents")]
        # The grid of evaluations has the same scores, and so have the traces.
        page.goto(f"{house.served.url}/evaluate?runs={run['run_id']}")
        for name in ("kindness", "equivalence", "rating"):
            expect(page.get_by_role("columnheader", name=name)).to_be_visible()
        page.goto(f"{house.served.url}/traces/{used['traces'][-1]['trace_id']}")
        expect(page.get_by_text("kindness").first).to_be_visible()
        expect(page.locator("main img")).to_have_count(0)


def test_rows_are_pasted_and_kept_as_a_data_set(
    chromium: Browser, house: House, accessible: Check
) -> None:
    with seen_by(chromium, "ann", theme="dark") as page:
        page.goto(f"{house.served.url}/playground")
        page.get_by_role("textbox", name="Prompt").fill("Say {{what}} to {{whom}}")
        page.locator("footer").click()
        page.keyboard.press("e")
        page.get_by_role("menuitem", name="new rows…").click()
        box = page.get_by_role("dialog", name="New data set")
        rows = box.get_by_label("Rows:")
        name = box.get_by_role("textbox", name="Name", exact=True)
        expect(rows).to_have_value("what,whom\n")
        rows.fill('what\texpected_response\nHello\tHi\n"{{whom}} <b>"\t')
        expect(box.get_by_role("status")).to_contain_text("2 rows; expected_response")
        expect(box).to_contain_text("No column is called whom")
        accessible(page)
        name.fill("greetings")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="2 rows")).to_be_visible()
        page.get_by_role("textbox", name="whom", exact=True).fill("Bo")
        before = len(house.upstream.requests)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("7 in, 6 out")).to_have_count(2)
        said = [each.json["messages"][0]["content"] for each in house.upstream.requests[before:]]
        assert sorted(said) == ["Say Hello to Bo", "Say {{whom}} <b> to Bo"]


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


def test_what_is_typed_is_kept_whatever_is_wrong_with_it(
    chromium: Browser, house: House, accessible: Check
) -> None:
    upstream = house.upstream
    with seen_by(chromium, "ann") as page:
        page.goto(f"{house.served.url}/playground")
        text = page.get_by_role("textbox", name="Prompt")
        told = page.get_by_role("status")
        before = len(upstream.requests)
        # A template of Jinja that loops ends in an error, and asks nothing.
        loop = "{% for a in range(99999) %}{% for b in items %}x{% endfor %}{% endfor %}"
        text.fill(loop + "{{ user.name }}")
        for name in ("items", "user"):
            page.get_by_role("textbox", name=name, exact=True).wait_for()
        page.get_by_role("textbox", name="items", exact=True).fill("[1, 2, 3]")
        page.keyboard.press("Control+Enter")
        expect(told).to_contain_text("The template is not rendered: it takes too many steps.")
        text.fill("{% if user %}Hello")
        broken = page.get_by_role("region", name="Text of the prompt").get_by_role("alert")
        expect(broken).to_contain_text("The template cannot be rendered in line 1")
        accessible(page)
        assert len(upstream.requests) == before
        # Values are text, and lists where they are written so.
        text.fill("{% for each in items %}{{ each }}, {% endfor %}{{ user.name }} {{ missing }}")
        page.get_by_role("textbox", name="items", exact=True).fill('["{{ user }}", "<b>"]')
        page.get_by_role("textbox", name="user", exact=True).fill('{"name": "{% x %}"}')
        page.keyboard.press("Control+Enter")
        expect(answer(page, "agents")).to_contain_text("Hello from the fake model.")
        [message] = upstream.requests[-1].json["messages"]
        assert message["content"] == "{{ user }}, <b>, {% x %} "

        # Megabytes with braces and markup, through to the run.
        value = "{{name}} <img src=x onerror=alert(1)> " * 40_000
        text.fill("Say {{name}}")
        page.get_by_role("textbox", name="name", exact=True).fill(value)
        page.keyboard.press("Control+Enter")
        expect(answer(page, "agents")).to_contain_text("Hello from the fake model.")
        assert upstream.requests[-1].json["messages"][0]["content"] == f"Say {value}"
        page.get_by_role("button", name="Save v1 and its run").click()
        page.get_by_role("dialog").get_by_label("Name").fill("large-value")
        page.keyboard.press("Enter")
        expect(page.get_by_text("saved v1 of large-value and 1 run")).to_be_visible()
        used = house.get("/api/pegboard/1.0/ui/prompt-uses", name="large-value", versions=["1"])
        [run] = used["versions"]["1"]["runs"]
        kept = house.get(
            "/get-artifact", run_uuid=run["run_id"], path="eval_results_table.json"
        )  # fmt: skip
        assert kept["data"][0][0] == value

        # Too long, and a schema that is none: told where they are typed, and what is typed stays.
        page.goto(f"{house.served.url}/playground")
        text.fill("x" * 100_001)
        page.get_by_text("response schema").click()
        schema = page.get_by_role("textbox", name="Response schema, JSON")
        for wrong, why in (
            ("{", "is not JSON"),
            ("[]", "is a JSON object"),
            ('{"type": "objekt"}', '"objekt"'),
        ):
            schema.fill(wrong)
            expect(page.get_by_role("alert")).to_contain_text(why)
            page.keyboard.press("Control+Enter")
            expect(told).to_contain_text(why)
        schema.fill('{"type": "object"}')
        page.keyboard.press("Control+s")
        box = page.get_by_role("dialog")
        box.get_by_label("Name").fill("too-long")
        page.keyboard.press("Enter")
        expect(box.get_by_role("alert")).to_contain_text("The prompt has 100,001 characters")
        page.keyboard.press("Escape")
        page.reload()
        expect(text).to_have_value("x" * 100_001)
        expect(schema).to_have_value('{"type": "object"}')
        assert house.get("/api/pegboard/1.0/ui/prompts", q="too-long")["prompts"] == []


def test_two_people_save_at_once_and_an_alias_moves_while_answers_come(
    chromium: Browser, house: House
) -> None:
    name, url = "shared", house.served.url
    with seen_by(chromium, "ann") as page, seen_by(chromium, "root") as other:
        save = {"name": name, "template": "Version {{n}}"}
        headers = {**gatehouse.headers("root"), "X-Requested-With": "pegboard"}

        def send(path: str, **fields: Any) -> None:
            asked = requests.post(f"{url}{path}", json=fields, headers=headers, timeout=60)
            asked.raise_for_status()

        send("/api/pegboard/1.0/ui/prompt-save", **save)
        send("/api/pegboard/1.0/ui/prompt-save", **{**save, "template": "Second {{n}}"})
        alias = {"name": name, "alias": "production"}
        send(f"{MLFLOW}/registered-models/alias", **alias, version="1")
        for each, said in ((page, "Of ann {{n}}"), (other, "Of root {{n}}")):
            each.goto(f"{url}/playground?prompt={name}&version=2")
            each.get_by_role("textbox", name="Prompt").fill(said)
            each.keyboard.press("Control+s")
            each.get_by_role("dialog").get_by_label("What is new").wait_for()
        other.keyboard.press("Enter")
        expect(other.get_by_text(f"saved v3 of {name}")).to_be_visible()
        # Who is second is told while the form is open, or, if it was too late for that, afterwards.
        expect(page.get_by_role("dialog")).to_contain_text("v3 was registered by root since")

        def late(route: Route) -> None:
            send("/api/pegboard/1.0/ui/prompt-save", **{**save, "template": "Of a third"})
            route.continue_()

        page.route("**/ui/prompt-save", late)
        page.keyboard.press("Enter")
        expect(
            page.get_by_text(f"saved v5 of {name}; v4 was registered by somebody")
        ).to_be_visible()
        texts = [version_of(house, name, str(n))[1]["mlflow.prompt.text"] for n in (3, 4, 5)]
        assert texts == ["Of root {{n}}", "Of a third", "Of ann {{n}}"]

        # What was asked of v1 is said to be of v1, wherever the alias is by the time it comes.
        page.get_by_role("textbox", name="n", exact=True).fill("1")
        page.locator("footer").click()
        page.keyboard.press("x")
        house.upstream.next(paused(2), paused(2))
        page.keyboard.press("Control+Enter")
        below = page.get_by_role("group", name="Answer of agents, with v1 production", exact=True)
        expect(below).to_contain_text("Hello from")
        send(f"{MLFLOW}/registered-models/alias", **alias, version="2")
        expect(page.get_by_role("heading", name="differences from v2 production")).to_be_visible()
        house.upstream.release()
        expect(below).to_contain_text("Hello from the fake model.")
        house.upstream.hold()
        assert "Version 1" in [
            asked.json["messages"][0]["content"] for asked in house.upstream.requests[-2:]
        ]


def test_tests_that_are_stopped_or_break_off_leave_nothing(
    chromium: Browser, house: House, accessible: Check
) -> None:
    name, url, upstream = "tested", house.served.url, house.upstream
    head = {**gatehouse.headers("root"), "X-Requested-With": "pegboard"}
    own, many = "/api/pegboard/1.0", {"name": name, "template": "Say {{company}}"}
    requests.post(f"{url}{own}/ui/prompt-save", json=many, headers=head, timeout=60)
    form = {
        "models": "gateway:/sandbox", "cases": "datasets:/march-questions",
        "defaults": {"assert": [{"contains": "Hello"}, {"not-contains": scribes.MARKUP}]},
    }  # fmt: skip
    bound = {"name": name, "form": json.dumps(form)}
    for user, status in (("bob", 403), ("root", 200)):
        who = {**gatehouse.headers(user), "X-Requested-With": "pegboard"}
        sent = requests.put(f"{url}{own}/prompts/tests", json=bound, headers=who, timeout=60)
        assert sent.status_code == status, sent.text
    with seen_by(chromium, "ann", theme="dark") as page:
        page.goto(f"{url}/prompts/{name}?at=1")
        tests = page.get_by_role("region", name="Tests")
        expect(tests).to_contain_text(f"the answer does not contain “{scribes.MARKUP}”")
        outcome = tests.get_by_role("row").filter(has_text="v1")
        expect(outcome).to_contain_text("not tested")
        # The two rows of one company are asked once.
        upstream.next(paused(2), paused(2))
        asked = len(upstream.requests)
        page.keyboard.press("t")
        expect(tests.get_by_role("status")).to_have_text("v1: 0 of 2 answered")
        while len(upstream.requests) == asked:
            page.wait_for_timeout(20)
        page.keyboard.press("Escape")
        assert upstream.requests[-1].gone.wait(60)
        expect(outcome).to_contain_text("not tested")
        upstream.next(failing(400))
        page.keyboard.press("t")
        alert = tests.get_by_role("alert")
        expect(alert).to_contain_text("v1 could not be tested")
        expect(alert).to_contain_text("Nothing was kept of it.")
        accessible(page)
        found = house.get(f"{own}/ui/prompt-uses", name=name, versions=["1"])
        assert found["versions"]["1"]["runs"] == []
        page.keyboard.press("t")
        expect(outcome).to_contain_text("passed")
        expect(outcome).to_contain_text("3 of 3 rows pass, 100 % have to")
        expect(page.locator("main img")).to_have_count(0)
    found = house.get(f"{own}/ui/prompt-uses", name=name, versions=["1"])
    [run] = found["versions"]["1"]["runs"]
    kept = house.get(f"{MLFLOW}/runs/get", run_id=run["run_id"])["run"]
    assert {"key": "mlflow.user", "value": "ann"} in kept["data"]["tags"]


def test_what_is_typed_while_a_dialog_is_loaded_goes_into_it(
    chromium: Browser, house: House
) -> None:
    held: list[Route] = []
    with seen_by(chromium, "ann") as page:
        page.route(
            re.compile(r"/assets/(menus|move|save)-[^/]*\.js"), lambda route: held.append(route)
        )

        def release() -> None:
            page.wait_for_timeout(50)
            while held:
                held.pop().continue_()

        page.goto(f"{house.served.url}/prompts/{scribes.PROMPT}?at=3")
        page.get_by_role("region", name="Text of v3").wait_for()
        page.keyboard.press("m")
        # 's' is the first letter of 'staging'; 'x' and 'd' would be keys of the page.
        page.keyboard.type("s")
        page.keyboard.press("Enter")
        page.keyboard.type("xd: bette")
        release()
        page.wait_for_timeout(50)
        page.keyboard.type("r")
        release()
        form = page.get_by_role("form", name="Move staging")
        expect(form.get_by_label("Why")).to_have_value("xd: better")
        assert "diff=" not in page.url
        page.keyboard.press("Escape")

        # From within a text: nothing of it gets into that.
        page.goto(f"{house.served.url}/playground")
        page.get_by_role("textbox", name="Prompt").fill("Hello")
        page.keyboard.press("Control+s")
        page.keyboard.type("greeting-two")
        release()
        expect(page.get_by_role("dialog").get_by_label("Name")).to_have_value("greeting-two")
        page.keyboard.press("Escape")
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("Hello")


def test_a_reader_sees_no_button_that_fails_and_a_phone_reads(
    chromium: Browser, house: House, accessible: Check
) -> None:
    with seen_by(chromium, "bob", PHONE) as page:
        for path, shown in (
            ("prompts", scribes.PROMPT),
            (f"prompts/{scribes.PROMPT}?at=4", "Be helpful and complete."),
            (f"prompts/{scribes.PROMPT}?at=3", "Nothing is tested."),
            (f"playground?prompt={scribes.PROMPT}", "one needs the right to invoke models"),
        ):
            page.goto(f"{house.served.url}/{path}")
            expect(page.get_by_text(shown).first).to_be_visible()
            for name in (
                re.compile("^(save|run$|move|roll|remove|delete|test|bind|change|take)", re.I),
                "new prompt",
            ):
                expect(page.get_by_role("button", name=name)).to_have_count(0)
            expect(page.get_by_role("link", name="new prompt")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            accessible(page)
        page.goto(f"{house.served.url}/prompts/none")
        expect(page.get_by_role("heading", name="There is no such prompt")).to_be_visible()
