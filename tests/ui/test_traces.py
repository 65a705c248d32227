"""The pages of traces: the list, the waterfall, what a span holds, and what people say of it."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import agents
import pytest
from conftest import Served, serving, watched
from pegboard_scripting.client import Client
from pegboard_stores.reviews import (
    Categorical,
    LabelSchemas,
    LabelType,
    PassFail,
    ReviewQueues,
    ReviewStatus,
)
from playwright.sync_api import Browser, Page, expect


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a store of traces; one test adds feedback to one of them and takes it back."""
    place = tmp_path_factory.mktemp("agents")
    experiment = agents.fill(f"sqlite:{place}/s.db")
    with serving(place, ids={"experiment": experiment}) as served:
        yield served


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True)).first


def test_the_failed_and_the_slow_are_first_and_a_head_sorts(
    page: Page, agency: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{agency.url}/traces")
    rows = page.get_by_role("grid", name="Traces").get_by_role("row")
    expect(rows).to_have_count(17)
    expect(rows.nth(1)).to_contain_text(agents.MARKUP)
    expect(rows.nth(2)).to_contain_text("running")
    expect(rows.nth(3)).to_contain_text(agents.QUESTION)
    expect(rows.nth(3)).to_contain_text("4,120")
    accessible(page)
    page.get_by_role("button", name="tokens").click()
    expect(page).to_have_url(re.compile("sort=-tokens"))
    expect(rows.nth(1)).to_contain_text("4,120")
    expect(page.get_by_role("columnheader", name="tokens")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.go_back()
    expect(rows.nth(1)).to_contain_text(agents.MARKUP)
    for key in ("End", "n"):
        page.keyboard.press(key)
    expect(rows).to_have_count(13)
    expect(page.get_by_role("combobox")).to_have_value("trace.name = 'summary'")


def test_a_filter_completes_says_what_is_wrong_and_finds_words(page: Page, agency: Any) -> None:
    page.goto(f"{agency.url}/traces")
    rows = page.get_by_role("grid", name="Traces").get_by_role("row")
    expect(rows).to_have_count(17)
    page.keyboard.press("/")
    page.keyboard.type("trace.sta")
    expect(page.get_by_role("option").first).to_contain_text("trace.status")
    page.keyboard.press("Tab")
    page.keyboard.type("= ")
    expect(page.get_by_role("option", name="ERROR")).to_contain_text("1 trace")
    page.keyboard.type("'ERR")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    page.get_by_role("combobox").fill("trace.colour = 'x'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("column 1")
    expect(rows).to_have_count(2)
    page.get_by_role("combobox").fill("Fenwick overdue")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text(agents.QUESTION)


def test_a_trace_is_read_with_the_keyboard_alone(page: Page, agency: Any) -> None:
    page.goto(f"{agency.url}/traces?exp={agency.ids['experiment']}&sort=-tokens")
    page.get_by_text(agents.QUESTION).wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    side = page.get_by_role("complementary", name="The span")
    # The slowest work is what one looks at first.
    expect(side.get_by_role("heading", name="llm.answer")).to_be_visible()
    expect(page.get_by_text("critical path 3.04 s of 3.20 s, 82 % in models")).to_be_visible()
    for key, name in (("k", "crm.lookup"), ("ArrowLeft", "act"), ("e", "crm.lookup")):
        page.keyboard.press(key)
        expect(side.get_by_role("heading", name=name)).to_be_visible()
    expect(side.get_by_role("alert")).to_have_text("timeout, retried")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(row(page, "sql.query")).to_have_count(0)
    expect(row(page, "act")).to_have_attribute("aria-expanded", "false")
    page.reload()
    expect(row(page, "act")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(row(page, "sql.query")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("Oakmoor")
    expect(page.get_by_text("2 of 14 spans")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="next")).to_be_enabled()
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1)).to_have_text("tr-000000")
    expect(page.get_by_role("button", name="previous")).to_be_enabled()
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1)).to_have_text("tr-8c41f0")


def test_messages_rows_and_words_of_a_span_are_shown_as_what_they_are(
    page: Page, agency: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{agency.url}/traces/{agents.AGENT}")
    side = page.get_by_role("complementary", name="The span")
    expect(side.get_by_role("heading", level=3)).to_have_text(
        ["system", "user", "tool, sql.query", "assistant"]
    )
    expect(side.get_by_role("cell", name="Fenwick Foundry")).to_be_visible()
    expect(side.get_by_text("triage-answer v11")).to_be_visible()
    accessible(page)
    page.keyboard.press("f")
    page.keyboard.type("fenwick")
    expect(side.locator("mark")).to_have_count(2)
    expect(side.get_by_role("status")).to_have_text("2")
    page.keyboard.press("Enter")
    expect(side.locator("mark.at")).to_have_text("Fenwick")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(side.get_by_text("Infinity")).to_be_visible()
    side.get_by_role("button", name="mlflow.chat.tokenUsage").click()
    expect(side.get_by_text("output_tokens")).to_be_visible()
    page.keyboard.press("3")
    expect(side.get_by_text("after 310 ms")).to_be_visible()
    page.keyboard.press("w")
    page.keyboard.press("5")
    expect(side.get_by_text('"first_token"')).to_be_visible()
    accessible(page)
    page.goto(f"{agency.url}/traces/{agents.AGENT}?span={6:016x}")
    expect(side.get_by_text("invoice 19", exact=True)).to_be_visible()
    expect(side.get_by_text("score 0.05", exact=True)).to_be_visible()


def test_tags_of_the_trace_stand_with_its_first_span(page: Page, agency: Any) -> None:
    page.goto(f"{agency.url}/traces/{agents.AGENT}?tab=attributes&span={1:016x}")
    side = page.get_by_role("complementary", name="The span")
    expect(side.get_by_role("heading", name="tags of the trace")).to_be_visible()
    expect(side.get_by_text("accounts")).to_be_visible()


def test_feedback_is_added_and_taken_back(page: Page, agency: Any) -> None:
    page.goto(f"{agency.url}/traces/{agents.AGENT}")
    side = page.get_by_role("complementary", name="The span")
    side.get_by_role("heading", name="llm.answer").wait_for()
    page.keyboard.press("4")
    expect(side.get_by_text("All amounts are in the rows.")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.type("correct")
    page.keyboard.press("Tab")
    page.keyboard.type("yes")
    page.keyboard.press("Enter")
    expect(side.locator(".score").filter(has_text="correct")).to_contain_text("yes")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^undo")).click()
    expect(side.locator(".score").filter(has_text="correct")).to_have_count(0)


def test_a_thumb_down_says_why_is_changed_found_and_deleted(
    page: Page, agency: Any, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{agency.url}/traces/{agents.AGENT}?span={1:016x}")
    side = page.get_by_role("complementary", name="The span")
    side.get_by_role("heading", name="agent").wait_for()
    page.keyboard.press("-")
    expect(side.get_by_label("Why").first).to_be_focused()
    page.keyboard.type("It names no date.")
    accessible(page)
    side.get_by_role("button", name="Change", exact=True).click()
    said = side.locator(".score").filter(has_text="It names no date.")
    expect(said).to_contain_text("no")
    page.keyboard.press("+")
    expect(said).to_contain_text("yes")
    side.get_by_label("What is judged").fill("answer")
    side.get_by_label("How it is").fill("Fenwick Foundry")
    side.get_by_label("what was expected").check()
    side.get_by_role("button", name="Add feedback").click()
    expect(side.locator(".score").filter(has_text="Fenwick Foundry")).to_contain_text("expectation")
    page.goto(f"{agency.url}/traces")
    rows = page.get_by_role("grid", name="Traces").get_by_role("row")
    expect(rows).to_have_count(17)
    page.keyboard.press("a")
    page.get_by_role("menuitem", name=re.compile("good")).press("Enter")
    expect(rows).to_have_count(2)
    expect(page.get_by_role("combobox")).to_have_value("feedback.good = 'true'")
    page.go_back()
    page.go_back()
    for name in ("good", "answer"):
        side.get_by_role("button", name=f"Delete {name}").click()
        expect(side.get_by_role("button", name=f"Delete {name}")).to_have_count(0)
    page.keyboard.press("z")
    expect(side.get_by_role("button", name="Delete answer")).to_be_visible()


def test_thousands_of_spans_are_windowed_and_reached(page: Page, agency: Any) -> None:
    page.goto(f"{agency.url}/traces/{agents.LONG}")
    grid = page.get_by_role("treegrid", name="Spans")
    expect(grid).to_have_attribute("aria-rowcount", "3001")
    assert grid.get_by_role("row").count() < 80
    page.keyboard.press("End")
    expect(row(page, "step 3000")).to_be_visible()
    expect(row(page, "step 3000")).to_have_attribute("aria-selected", "true")
    page.keyboard.press(".")
    expect(page.get_by_role("columnheader", name="when")).to_contain_text("2999.2 ms")


def test_what_failed_is_open_or_missing_says_so_and_markup_stays_text(
    page: Page, agency: Any
) -> None:
    page.goto(f"{agency.url}/traces/{agents.FAILED}")
    expect(page.get_by_text("the index did not answer").first).to_be_visible()
    expect(page.get_by_text(f"“{agents.MARKUP}”")).to_be_visible()
    assert page.locator("main img").count() == 0
    page.goto(f"{agency.url}/traces/{agents.OPEN}")
    expect(page.get_by_text("1 span whose parent has not arrived")).to_be_visible()
    expect(page.get_by_role("gridcell", name="running")).to_be_visible()
    page.goto(f"{agency.url}/traces/tr-nothing")
    expect(page.get_by_role("heading", name="There is no such trace")).to_be_visible()


def test_a_server_that_is_gone_leaves_the_trace_on_the_screen(
    chromium: Browser, tmp_path: Path
) -> None:
    agents.fill(f"sqlite:{tmp_path}/s.db", spans=3)
    context = chromium.new_context()
    page, seen = watched(context)
    with serving(tmp_path) as served:
        page.goto(f"{served.url}/traces/{agents.AGENT}")
        page.get_by_role("heading", name="llm.answer").wait_for()
    page.keyboard.press("j")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(row(page, "judge.groundedness")).to_be_visible()
    expect(page.get_by_text("last heard")).to_be_visible()
    seen.check(page, ("ERR_CONNECTION_REFUSED",))
    context.close()


def test_a_reader_sees_no_form_and_a_phone_reads(
    chromium: Browser, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    agents.fill(f"sqlite:{tmp_path}/s.db", spans=3)
    pegboard = str(Path(sys.executable).with_name("pegboard"))
    add = [pegboard, "server", "user", "add", "ann", "--level", "read"]
    subprocess.run([*add, "--users", "users"], cwd=tmp_path, input="long enough 1\n" * 2,
                   text=True, check=True, capture_output=True)  # fmt: skip
    token = base64.b64encode(b"ann:long enough 1").decode()
    with serving(tmp_path, "--users", "users") as served:
        context = chromium.new_context(
            viewport={"width": 390, "height": 844},
            extra_http_headers={"Authorization": f"Basic {token}"},
        )
        page, seen = watched(context)
        page.goto(f"{served.url}/traces/{agents.AGENT}?tab=feedback")
        side = page.get_by_role("complementary", name="The span")
        expect(side.get_by_text("All amounts are in the rows.")).to_be_visible()
        expect(side.get_by_role("button", name="Add feedback")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        accessible(page)
        # Nothing is offered that would be refused.
        page.goto(f"{served.url}/traces")
        page.get_by_role("grid", name="Traces").get_by_role("row").nth(1).wait_for()
        for key in ("j", "Shift+Q", "q"):
            page.keyboard.press(key)
        expect(page.get_by_role("button", name="questions")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)
        seen.check(page)
        context.close()


def test_a_queue_is_reviewed_trace_by_trace(
    page: Page, agency: Any, accessible: Callable[[Page], None]
) -> None:
    home = agency.ids["experiment"]
    agents.ask(agency.store, home)
    page.goto(f"{agency.url}/traces?exp={home}")
    page.get_by_text(agents.QUESTION).wait_for()
    page.keyboard.press("r")
    page.get_by_role("menuitem", name="hard ones").press("Enter")
    rows = page.get_by_role("grid", name="Traces").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(page.get_by_text("0 of 2 traces done")).to_be_visible()
    accessible(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    asked = page.get_by_role("region", name="Questions")
    # Digits answer the first question that is open.
    asked.get_by_role("button", name="Right 1").wait_for()
    expect(page.get_by_text("open, one of 2 traces")).to_be_visible()
    page.keyboard.press("1")
    expect(asked.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("4")
    expect(asked.get_by_role("button", name="4")).to_have_attribute("aria-pressed", "true")
    asked.get_by_label("Why: stars").fill("No date.")
    for topic in ("money", "dates"):
        asked.get_by_role("button", name=topic).click()
        expect(asked.get_by_role("button", name=topic)).to_have_attribute("aria-pressed", "true")
    asked.get_by_role("textbox", name="what else").fill(agents.MARKUP)
    asked.get_by_role("button", name="Save").click()
    expect(asked.get_by_role("button", name="Change")).to_be_visible()
    accessible(page)
    asked.get_by_role("button", name="Done, next").click()
    expect(page).to_have_url(re.compile(agents.FAILED))
    page.get_by_text("open, one of 1 trace").wait_for()
    page.keyboard.press("x")
    expect(page.get_by_text("1 of 2 traces done, 1 declined")).to_be_visible()
    expect(rows.filter(has_text=agents.QUESTION)).to_contain_text("somebody")
    expected = {
        "Is it right?": (True, ""),
        "stars": (4, "No date."),
        "topics": (["money", "dates"], ""),
        "what else": (agents.MARKUP, ""),
    }
    assessments = Client(agency.store).store.traces().get(agents.AGENT).info.assessments
    found = {each.name: (each.value, each.rationale or "") for each in assessments}
    assert {name: found[name] for name in expected} == expected


def test_a_session_is_read_as_a_conversation(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    store = f"sqlite:{tmp_path}/s.db"
    ids = agents.talk(store, agents.fill(store, spans=3))
    with serving(tmp_path) as served:
        page.goto(f"{served.url}/traces")
        page.get_by_text(agents.QUESTION).wait_for()
        page.keyboard.press("s")
        rows = page.get_by_role("row")
        # The agent's own session is newer.
        expect(rows).to_have_count(3)
        expect(rows.nth(2)).to_contain_text(agents.TALK)
        expect(rows.nth(2).get_by_role("cell")).to_have_text(
            [agents.TALK, "Who pays last?", "ann", "3", "1", "3,000", "$0.009", re.compile(".")]
        )
        accessible(page)
        rows.nth(2).get_by_role("button", name="ann").click()
        expect(rows).to_have_count(2)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        turns = page.get_by_role("list", name="Turns").get_by_role("listitem")
        expect(turns).to_have_count(3)
        for turn, (asked, answered, error) in zip(turns.all(), agents.SAID, strict=True):
            said = turn.locator(".said")
            expect(said).to_have_text([asked, *filter(None, [answered, error])])
        assert page.locator(".talk img, .talk b").count() == 0
        expect(turns.first).to_contain_text("brief yes")
        expect(page.get_by_role("status").first).to_contain_text(
            "3 turns · 3,000 tokens · $0.009 · 6.00 s of work · 1 failed · ann"
        )
        accessible(page)
        page.keyboard.press("e")
        expect(turns.nth(2)).to_have_attribute("aria-current", "true")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(ids[1][:9])
        # Before and after are the turns of the conversation.
        page.get_by_role("button", name="next").click()
        expect(page).to_have_url(re.compile(ids[2]))
        expect(page.get_by_role("button", name="next")).to_be_disabled()
        page.keyboard.press("v")
        expect(turns).to_have_count(3)


def test_traces_are_picked_and_put_into_a_queue(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    store = f"sqlite:{tmp_path}/s.db"
    home = agents.fill(store, spans=3)
    kept = Client(store).store
    schemas, queues = kept.ability(LabelSchemas), kept.ability(ReviewQueues)
    assert schemas is not None
    assert queues is not None
    for name in ("right", agents.MARKUP):
        schemas.create(home, name, type=LabelType.FEEDBACK, input=PassFail("Yes", "No"))
    with serving(tmp_path) as served:
        page.goto(f"{served.url}/traces?exp={home}&sort=-tokens")
        page.get_by_text(agents.QUESTION).wait_for()
        for key in ("j", "Space", "Space"):
            page.keyboard.press(key)
        rows = page.get_by_role("grid", name="Traces").get_by_role("row", selected=True)
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text(agents.QUESTION)
        page.reload()
        expect(rows).to_have_count(2)
        accessible(page)
        page.keyboard.press("q")
        asking = page.get_by_role("dialog", name="Put into a review queue")
        expect(asking.get_by_role("heading")).to_have_text("2 traces to be reviewed")
        accessible(page)
        asking.get_by_label("Name").fill("hard ones")
        asking.get_by_label("Who reviews").fill("Ann, kim")
        asking.get_by_label(agents.MARKUP).uncheck()
        page.keyboard.press("Enter")
        expect(page.get_by_text("2 traces to review in hard ones")).to_be_visible()
        expect(rows).to_have_count(0)
        [queue] = queues.list(home)
        assert (queue.name, list(queue.users), len(queue.schema_ids)) == (
            "hard ones",
            ["ann", "kim"],
            1,
        )
        before = {item.item_id for item in queues.items(queue.queue_id)}
        assert agents.AGENT in before
        # One that is in already stays when the others are taken back.
        page.keyboard.press("Shift+A")
        expect(rows).to_have_count(16)
        page.keyboard.press("q")
        expect(asking.get_by_label("Queue")).to_have_value(queue.queue_id)
        asking.get_by_role("button", name="Put in").click()
        expect(page.get_by_text("16 traces to review in hard ones")).to_be_visible()
        page.get_by_role("button", name=re.compile("^undo")).click()
        expect(page.get_by_text("taken back")).to_be_visible()
        page.goto(f"{served.url}/traces?queue={queue.queue_id}")
        expect(page.get_by_text("0 of 2 traces done")).to_be_visible()
        page.goto(f"{served.url}/traces/{agents.FAILED}")
        page.get_by_role("button", name="review").click()
        asking.get_by_role("button", name="Put in").click()
        expect(page.get_by_text("1 trace to review in hard ones")).to_be_visible()
        page.keyboard.press("g")
        page.keyboard.press("o")
        expect(page.get_by_text("0 of 3 traces done")).to_be_visible()


def test_a_question_is_made_and_traces_leave_a_queue_with_keys_and_come_back(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    store = f"sqlite:{tmp_path}/s.db"
    home = agents.fill(store, spans=3)
    queue_id = agents.ask(store, home)
    kept = Client(store).store
    schemas, queues = kept.ability(LabelSchemas), kept.ability(ReviewQueues)
    assert schemas is not None
    assert queues is not None
    queues.set_status(queue_id, agents.FAILED, ReviewStatus.COMPLETE, completed_by="kim")
    with serving(tmp_path) as served:
        page.goto(f"{served.url}/traces?exp={home}")
        page.get_by_text(agents.QUESTION).wait_for()
        page.keyboard.press("Shift+Q")
        asking = page.get_by_role("dialog", name="Questions about traces")
        expect(asking.get_by_role("listitem").filter(has_text="stars")).to_contain_text("1 to 5")
        expect(asking.get_by_label("Question", exact=True)).to_be_focused()
        page.keyboard.type("stars")
        expect(asking.get_by_role("alert")).to_contain_text("of this name already")
        page.keyboard.type(" of tone")
        asking.get_by_role("combobox", name="Answer").select_option("one of some options")
        accessible(page)
        asking.get_by_label("Up to 10 options").press("Enter")
        expect(asking.get_by_role("alert")).to_contain_text("1 to 10 options, not 0")
        page.keyboard.type("kind, rude")
        page.keyboard.press("Enter")
        expect(page.get_by_text("question stars of tone")).to_be_visible()
        made = schemas.by_name(home, "stars of tone")
        assert made.input == Categorical(("kind", "rude"), multi_select=False)
        page.keyboard.press("z")
        expect(page.get_by_text("taken back: question stars of tone")).to_be_visible()
        page.goto(f"{served.url}/traces?queue={queue_id}")
        rows = page.get_by_role("grid", name="Traces").get_by_role("row")
        expect(rows).to_have_count(3)
        for key in ("j", "Space", "Space"):
            page.keyboard.press(key)
        accessible(page)
        page.keyboard.press("Delete")
        expect(page.get_by_text("No trace is in this queue")).to_be_visible()
        assert not list(queues.items(queue_id))
        page.keyboard.press("z")
        expect(rows).to_have_count(3)
        expect(page.get_by_text("1 of 2 traces done")).to_be_visible()
        assert {(each.item_id, each.completed_by) for each in queues.items(queue_id)} == {
            (agents.AGENT, None), (agents.FAILED, "kim"),
        }  # fmt: skip
        rows.filter(has_text=agents.QUESTION).get_by_role("link").first.click()
        page.get_by_role("button", name="Take out").wait_for()
        page.keyboard.press("Delete")
        expect(page).to_have_url(re.compile(rf"/traces(/{agents.FAILED})?\?queue="))
        assert [each.item_id for each in queues.items(queue_id)] == [agents.FAILED]
