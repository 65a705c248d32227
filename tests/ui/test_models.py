"""The registry: champions, moves before they are confirmed, gates, versions, logged models."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aviary
import pytest
from conftest import DESK, Served, Watched, serving, watched
from pegboard.entities import Metric
from pegboard_scripting.client import Client
from playwright.sync_api import Browser, Locator, Page, Route, expect

BY = "\N{MULTIPLICATION SIGN}"
HISTORY = "/api/pegboard/1.0/registry/history"


def model(served: Served, name: str, versions: int = 2) -> list[str]:
    """Register a model of one's own with versions of runs that get better; return the runs."""
    client = Client(served.url)
    client.create_registered_model(name)
    return [version(client, name, number) for number in range(1, versions + 1)]


def version(client: Client, name: str, number: int) -> str:
    run = client.create_run("0", run_name=f"{name[:20]}-{number}").info
    points = [Metric("acc", 0.8 + number / 100, 1, 1), Metric("loss", 0.5 - number / 100, 1, 1)]
    client.log_batch(run.run_id, metrics=points)
    client.log_text(run.run_id, aviary.SIGNATURE % 64, "model/MLmodel")
    client.create_model_version(
        name, f"runs:/{run.run_id}/model", run.run_id, await_creation_for=0, user="maker"
    )
    return run.run_id


def opened(page: Page, served: Served, place: str) -> None:
    page.goto(f"{served.url}/models/{place}")
    page.locator(".mod-page, .mod-list, .hole").first.wait_for()


def head(page: Page, alias: str) -> Locator:
    return page.get_by_label("Aliases", exact=True).locator("> div", has_text=alias)


def moves(page: Page, served: Served, name: str) -> list[dict[str, Any]]:
    answer = page.request.get(f"{served.url}{HISTORY}?name={name}&kinds=alias").json()
    found: list[dict[str, Any]] = answer["changes"]
    return found


def said(page: Page) -> Locator:
    return page.locator(".foot .said")


# -- what is seen ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["", "birdsong?at=9", "birdsong?at=9&move=champion", "birdsong?history=list", "birdsong/9"],
)
def test_the_pages_break_no_rule(
    page: Page, nest: Served, accessible: Callable[[Page], None], place: str
) -> None:
    opened(page, nest, place)
    expect(page.get_by_text("v9", exact=True).first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    accessible(page)


def test_the_list_says_who_is_champion_and_finds_models(page: Page, nest: Served) -> None:
    opened(page, nest, "")
    row = page.locator("tr", has=page.get_by_role("link", name="birdsong"))
    expect(row).to_contain_text("champion v7 +2")
    expect(row).to_contain_text("by audio-team")
    expect(row).to_contain_text("v9 plover-07")
    page.keyboard.press("/")
    page.keyboard.type("tags.team = 'audio'")
    expect(row).to_be_visible()
    page.get_by_label("Find a model").fill("no-such-bird")
    expect(page.get_by_role("heading", name="No model fits")).to_be_visible()
    page.get_by_label("Find a model").fill("name = 'a' and and")
    expect(page.get_by_role("alert")).to_contain_text("and")
    page.get_by_label("Find a model").fill("birdsong")
    expect(row).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{nest.url}/models/birdsong")


def test_aliases_are_the_headline_and_their_past_is_lanes(page: Page, nest: Served) -> None:
    opened(page, nest, "birdsong")
    expect(head(page, "champion")).to_contain_text("v7")
    expect(head(page, "champion")).to_contain_text(re.compile(r"since .* by audio-team"))
    expect(head(page, "challenger")).to_contain_text("+.0290")
    lanes = page.get_by_role("img", name=re.compile("^Alias history: champion v1, v3, v4, v5, v4"))
    expect(lanes.get_by_text("rolled back", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile("13 moves since"))).to_be_visible()
    page.keyboard.press("h")
    expect(page.get_by_text("champion rolled back from v5 to v4")).to_be_visible()
    expect(page.get_by_text("misses owls at night")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("champion")
    expect(page.get_by_role("row", name=re.compile("curlew-12"))).to_be_visible()
    expect(page.get_by_role("grid").locator("tbody tr")).to_have_count(1)


def test_a_version_shows_where_it_comes_from_and_what_it_takes(page: Page, nest: Served) -> None:
    opened(page, nest, "birdsong/9")
    steps = page.get_by_role("list", name="Lineage").locator("> li")
    expect(steps).to_have_count(4)
    for step, text in enumerate(("clips-eu", "plover-07", "birdsong v9", "@challenger")):
        expect(steps.nth(step)).to_contain_text(text)
    expect(page.get_by_role("table", name="inputs")).to_contain_text(
        f"float32 (n {BY} 128 {BY} 64)"
    )
    expect(page.get_by_role("table", name="outputs").locator("tbody tr")).to_have_count(2)
    expect(page.locator(".prose strong")).to_have_text("mixup")
    expect(page.get_by_text("challenger moved from v7 to v9")).to_be_visible()
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1)).to_have_text("v8")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1)).to_have_text("birdsong")


def test_names_are_shown_as_they_are(page: Page, nest: Served) -> None:
    name = "<b>ünï & \"q\" 'x' " + "x" * 232
    Client(nest.url).create_registered_model(name, description="<img src=x onerror=alert(1)> *hi*")
    page.goto(f"{nest.url}/models")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".prose em")).to_have_text("hi")
    expect(page.locator(".prose img")).to_have_count(0)
    expect(page.get_by_role("heading", name="No versions yet")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_what_is_not_there_is_said(page: Page, nest: Served) -> None:
    opened(page, nest, "no-such-model")
    expect(page.get_by_role("heading", name="There is no such model")).to_be_visible()
    opened(page, nest, "birdsong/77")
    expect(page.get_by_role("heading", name="There is no such version")).to_be_visible()


def test_an_empty_registry_shows_code_and_fills_by_itself(page: Page, fresh: Served) -> None:
    opened(page, fresh, "")
    expect(page.get_by_role("region", name="Code that registers a model")).to_contain_text(
        fresh.url
    )
    model(fresh, "first", 1)
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible(timeout=10_000)


def test_a_phone_reads_it(phone: Page, nest: Served, accessible: Callable[[Page], None]) -> None:
    for place, text in (("", "champion"), ("birdsong?at=9", "v9"), ("birdsong/9", "v9")):
        opened(phone, nest, place)
        expect(phone.get_by_text(text, exact=True).locator("visible=true").first).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    accessible(phone)


def test_a_model_is_found_by_name_from_everywhere(page: Page, nest: Served) -> None:
    page.goto(nest.url)
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("birdson")
    option = page.get_by_role("option", name="birdsong", exact=False).filter(has_text="model")
    expect(option.first).to_be_visible()
    option.first.click()
    expect(page).to_have_url(f"{nest.url}/models/birdsong")


def test_a_failure_is_said_and_tried_again(page: Page, nest: Served) -> None:
    def fail(route: Route) -> None:
        body = '{"error_code": "INTERNAL_ERROR", "message": "The disk is full."}'
        route.fulfill(status=422, body=body, headers={"x-request-id": "r-9"})

    page.route("**/registry/model?**", fail)
    page.goto(f"{nest.url}/models/birdsong")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The model could not be read")
    expect(alert).to_contain_text("The disk is full.")
    expect(alert).to_contain_text("request r-9")
    page.unroute("**/registry/model?**")
    page.keyboard.press("r")
    expect(head(page, "champion")).to_contain_text("v7")
    expect(alert).to_have_count(0)


def test_a_model_is_renamed_and_has_its_name_back(page: Page, nest: Served) -> None:
    model(nest, "finch", 1)
    opened(page, nest, "finch")
    page.get_by_role("button", name="rename").click()
    page.get_by_role("textbox", name="Name").fill("chaffinch")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("chaffinch")
    page.get_by_role("button", name="undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("finch")


# -- moves -----------------------------------------------------------------------------------------


def test_an_alias_is_moved_with_the_mouse_and_the_move_is_taken_back(
    page: Page, nest: Served
) -> None:
    model(nest, "warbler")
    Client(nest.url).set_registered_model_alias("warbler", "champion", "1", user="ann")
    opened(page, nest, "warbler")
    page.get_by_role("row", name=re.compile("warbler-2")).click(position={"x": 300, "y": 10})
    page.get_by_role("button", name="Move an alias here").click()
    page.get_by_role("menuitem", name="champion").click()
    form = page.get_by_role("form", name="Move champion")
    changes = form.get_by_role("table", name="What changes")
    expect(changes.get_by_role("row", name="acc")).to_contain_text(".8100")
    expect(changes.get_by_role("row", name="acc").locator(".ok")).to_have_text("+.0100")
    expect(changes.get_by_role("row", name="loss").locator(".ok")).to_have_text("-.0100")
    form.get_by_role("textbox", name="Why").fill("no new misses · really")
    form.get_by_role("textbox", name="Who").fill("Jürgen")
    form.get_by_role("button", name="Move to v2").click()
    expect(head(page, "champion")).to_contain_text("v2")
    expect(said(page)).to_contain_text("champion moved from v1 to v2")
    page.get_by_role("button", name="undo").click()
    expect(head(page, "champion")).to_contain_text("v1")
    expect(page.get_by_text(re.compile("3 moves since"))).to_be_visible()
    back, move, _ = moves(page, nest, "warbler")
    assert (move["user"], move["reason"]) == ("Jürgen", "no new misses · really")
    assert (back["after"], back["undoes"]) == ("1", move["number"])


def test_an_alias_is_moved_with_the_keyboard_alone(page: Page, nest: Served) -> None:
    model(nest, "pipit")
    opened(page, nest, "pipit")
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.get_by_role("menuitem", name="new alias")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Alias")).to_be_focused()
    page.keyboard.type("champion")
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Move champion")
    expect(form.get_by_role("textbox", name="Why")).to_be_focused()
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(head(page, "champion")).to_contain_text("v2")
    expect(page.get_by_role("button", name="undo")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_label("Aliases", exact=True)).to_have_count(0)
    expect(page.get_by_text(re.compile("2 moves since"))).to_be_visible()
    assert [move.get("after") for move in moves(page, nest, "pipit")] == [None, "2"]


def test_what_somebody_else_has_moved_meanwhile_is_not_taken_back(page: Page, nest: Served) -> None:
    model(nest, "stilt", 3)
    client = Client(nest.url)
    client.set_registered_model_alias("stilt", "champion", "1", user="ann")
    opened(page, nest, "stilt?at=2&move=champion")
    with page.expect_response(lambda answer: answer.url.endswith("/registered-models/alias")):
        page.get_by_role("button", name="Move to v2").click()
    expect(page.get_by_role("button", name="undo")).to_be_visible()
    client.set_registered_model_alias("stilt", "champion", "3", user="bob")
    page.keyboard.press("z")
    expect(said(page)).to_contain_text("Somebody has moved champion to v3 meanwhile.")
    expect(head(page, "champion")).to_contain_text("v3")
    assert moves(page, nest, "stilt")[0]["user"] == "bob"


def test_escape_leaves_a_move_and_nothing_has_happened(page: Page, nest: Served) -> None:
    model(nest, "serin")
    opened(page, nest, "serin?at=1&move=champion")
    page.get_by_role("textbox", name="Why").fill("hm")
    page.keyboard.press("Escape")
    expect(page.get_by_role("form", name="Move champion")).to_have_count(0)
    assert moves(page, nest, "serin") == []


def test_a_move_is_rolled_back_and_a_stage_is_changed(page: Page, nest: Served) -> None:
    model(nest, "knot")
    client = Client(nest.url)
    for number in ("1", "2"):
        client.set_registered_model_alias("knot", "champion", number, user="ann")
    client.transition_model_version_stage("knot", "1", "Production")
    opened(page, nest, "knot?at=2")
    page.get_by_role("button", name="roll back").click()
    expect(head(page, "champion")).to_contain_text("v1")
    page.keyboard.press("m")
    page.get_by_role("menuitem", name="Production").click()
    form = page.get_by_role("form", name="Move Production")
    expect(form.get_by_role("checkbox", name="archive v1")).to_be_checked()
    form.get_by_role("button", name="Move to Production").click()
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("row", name=re.compile("knot-2"))).to_contain_text("Production")
    expect(grid.get_by_role("row", name=re.compile("knot-1"))).to_contain_text("Archived")
    page.get_by_role("button", name="undo").click()
    expect(grid.get_by_role("row", name=re.compile("knot-1"))).to_contain_text("Production")


def test_texts_and_tags_are_changed_and_taken_back(page: Page, nest: Served) -> None:
    page.goto(f"{nest.url}/models")
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Name").fill("wren")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="No versions yet")).to_be_visible()
    run = version(Client(nest.url), "wren", 1)
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Files").fill(f"runs:/{run}/model")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("complementary", name="Version 2")).to_be_visible()
    page.keyboard.press("e")
    page.get_by_role("textbox", name="Description").fill("**loud**")
    page.keyboard.press("Control+Enter")
    expect(page.locator("aside .prose strong")).to_have_text("loud")
    page.get_by_role("button", name="undo").click()
    expect(page.locator("aside .prose")).to_have_count(0)
    page.get_by_role("button", name="add a tag").click()
    page.get_by_role("textbox", name="Key").fill("team")
    page.get_by_role("textbox", name="Value").fill("audio")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("button", name="team audio")).to_be_visible()
    page.get_by_role("button", name="Remove the tag team").click()
    expect(page.get_by_role("button", name="team audio")).to_have_count(0)
    expect(said(page).get_by_role("button", name="undo")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="team audio")).to_contain_text("audio")


def test_only_who_types_the_name_deletes_a_version(page: Page, nest: Served) -> None:
    model(nest, "ruff")
    opened(page, nest, "ruff/2")
    page.get_by_role("button", name="Delete").click()
    button = page.get_by_role("button", name="Delete for ever")
    expect(button).to_be_disabled()
    page.get_by_role("dialog").get_by_role("textbox").fill("ruff/2")
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ruff")
    expect(page.get_by_role("grid").locator("tbody tr")).to_have_count(1)


# -- who may, and what the gates say ---------------------------------------------------------------


@contextmanager
def seen_by(chromium: Browser, token: str) -> Iterator[tuple[Page, Watched]]:
    context = chromium.new_context(
        viewport=DESK, extra_http_headers={"Authorization": f"Bearer {token}"}
    )
    page, seen = watched(context)
    yield page, seen
    seen.check(page)
    context.close()


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """Serve a model whose champion needs an approval, to users of different rights."""
    place = tmp_path_factory.mktemp("gated")
    (place / "pegboard.toml").write_text('[registry.gates]\nchampion = ["approval"]\n')
    add = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add"]
    tokens = {}
    for name, level in (("ann", "write"), ("bob", "write"), ("eve", "read")):
        words = [*add, name, "--level", level, "--token", "--users", "users"]
        told = subprocess.run(words, cwd=place, capture_output=True, text=True, check=True)
        tokens[name] = told.stdout.strip().splitlines()[-1].split()[-1]
    client = Client(f"sqlite:{place}/s.db")
    client.create_registered_model("owl")
    for _ in range(2):
        client.create_model_version("owl", "s3://bucket/m", await_creation_for=0, user="ann")
    with serving(place, "--users", "users") as served:
        yield served, tokens


def test_a_gate_refuses_says_what_to_do_and_opens(
    chromium: Browser, gated: tuple[Served, dict[str, str]], accessible: Callable[[Page], None]
) -> None:
    served, tokens = gated
    with seen_by(chromium, tokens["ann"]) as (page, _):
        opened(page, served, "owl?at=2&move=champion")
        gates = page.get_by_role("list", name="Gates")
        expect(gates).to_contain_text("refuses approval")
        expect(gates).to_contain_text("it needs the approval of 1 person other than its author")
        expect(gates).to_contain_text("You made this version, so somebody else has to approve it.")
        expect(page.get_by_role("button", name="Set to v2")).to_be_disabled()
        accessible(page)
    with seen_by(chromium, tokens["bob"]) as (page, _):
        opened(page, served, "owl?at=2&move=champion")
        page.get_by_role("button", name="Approve as bob").click()
        expect(page.get_by_role("list", name="Gates")).to_contain_text("passes approval")
        expect(page.get_by_text("by bob,")).to_be_visible()
        page.get_by_role("button", name="Set to v2").click()
        expect(head(page, "champion")).to_contain_text("v2")
        expect(head(page, "champion")).to_contain_text("by bob")
        opened(page, served, "owl/2")
        expect(page.get_by_text("approved by bob")).to_be_visible()


def test_a_refusal_of_the_server_puts_the_alias_back_and_says_why(
    chromium: Browser, gated: tuple[Served, dict[str, str]]
) -> None:
    served, tokens = gated
    with seen_by(chromium, tokens["bob"]) as (page, _):
        # The gate is asked and passes; by the time of the move it does not any more.
        passes = '{"before": null, "approvals": [], "gates": []}'
        page.route("**/registry/check?**", lambda route: route.fulfill(status=200, body=passes))
        opened(page, served, "owl?at=1&move=champion")
        page.get_by_role("button", name="to v1").click()
        expect(said(page)).to_contain_text("The gate 'approval' does not let version 1")
        expect(page.get_by_label("Aliases", exact=True).get_by_text("v1")).to_have_count(0)


def test_who_only_reads_sees_no_button_that_would_be_refused(
    chromium: Browser, gated: tuple[Served, dict[str, str]], accessible: Callable[[Page], None]
) -> None:
    served, tokens = gated
    with seen_by(chromium, tokens["eve"]) as (page, _):
        opened(page, served, "owl?at=1&move=champion")
        expect(page.get_by_role("complementary", name="Version 1")).to_be_visible()
        expect(page.get_by_role("form")).to_have_count(0)
        names = re.compile("^(Move|Set|new version|edit|write one|add a tag|remove|roll back|Del)")
        expect(page.get_by_role("button", name=names)).to_have_count(0)
        for key in ("m", "n", "e"):
            page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("menu")).to_have_count(0)
        accessible(page)
        opened(page, served, "owl/1")
        expect(page.get_by_text("needs approval")).to_be_visible()
        expect(page.get_by_role("button", name=names)).to_have_count(0)


# -- logged models ---------------------------------------------------------------------------------


def test_a_logged_model_is_found_shown_and_registered(
    page: Page, nest: Served, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    client = Client(nest.url)
    run = client.create_run("0", run_name="maker").info.run_id
    made = client.create_logged_model(
        "0", "bird<i>", source_run_id=run, params={"depth": "3"}, model_type="classifier"
    )
    (tmp_path / "MLmodel").write_text(aviary.SIGNATURE % 64)
    client.log_model_artifact(made.model_id, tmp_path / "MLmodel")
    client.finalize_logged_model(made.model_id, "READY")
    page.goto(f"{nest.url}/experiments/0")
    page.get_by_role("heading", level=1).get_by_role("button").click()
    page.get_by_role("menuitem", name="logged models").click()
    expect(page).to_have_url(f"{nest.url}/logged-models?exp=0")
    link = page.get_by_role("link", name="bird<i>")
    expect(link).to_be_visible()
    accessible(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("bird<i>")
    expect(page.get_by_text("classifier, ready")).to_be_visible()
    expect(page.get_by_role("table", name="outputs")).to_contain_text("species")
    expect(page.get_by_role("link", name="MLmodel")).to_be_visible()
    expect(page.get_by_text("Not registered.")).to_be_visible()
    accessible(page)
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Name of the model").fill("from-logged")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("v1")
    expect(page.get_by_role("list", name="Lineage")).to_contain_text("bird<i>")
    page.goto(f"{nest.url}/logged-models/{made.model_id}")
    expect(page.get_by_role("link", name="from-logged v1")).to_be_visible()


def test_the_list_of_logged_models_says_what_is_wrong_with_a_filter(
    page: Page, nest: Served
) -> None:
    page.goto(f"{nest.url}/logged-models?q=name+%3D%3D")
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(f"{nest.url}/logged-models/m-nothing")
    expect(page.get_by_role("heading", name="There is no such logged model")).to_be_visible()


def test_a_move_is_seen_by_others(page: Page, chromium: Browser, nest: Served) -> None:
    """What others move, tag and register comes to a page that only looks."""
    client = Client(nest.url)
    model(nest, "watched", 2)
    client.set_registered_model_alias("watched", "champion", "1")
    opened(page, nest, "watched")
    expect(head(page, "champion")).to_contain_text("v1")
    context = chromium.new_context()
    other = context.new_page()
    opened(other, nest, "")
    row = other.get_by_role("row").filter(has_text="watched")
    expect(row).to_contain_text("v1")
    # A plain request, as another program would send it.
    client.set_registered_model_alias("watched", "champion", "2")
    expect(head(page, "champion")).to_contain_text("v2")
    expect(row).to_contain_text("v2")
    version(client, "watched", 3)
    expect(page.get_by_role("link", name="v3").first).to_be_visible()
    client.create_registered_model("watched too")
    expect(other.get_by_role("link", name="watched too")).to_be_visible()
    context.close()
