"""The page of a run: its numbers, charts, files, code and notes, by mouse and by keyboard."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import birdsong
import pytest
import workbench
from conftest import DESK, Served, at_the_bench, watched
from pegboard.entities import Metric
from pegboard_scripting.client import Client
from playwright.sync_api import Browser, Page, expect

NOTE = "mlflow.note.content"
SWEEP = {
    "method": "grid",
    "metric": "acc",
    "goal": "maximize",
    "parameters": '["lr", "opt"]',
    "run_cap": "6",
}
APART = ("sandbox", "Content Security Policy", "Security Policy", "violates")
"""What the browser says of an artifact in a frame that tries what it may not."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve bird songs; heron-31 has files of every kind."""
    with at_the_bench(tmp_path_factory.mktemp("bench")) as served:
        yield served


def opened(page: Page, bench: Served, name: str, query: str = "") -> None:
    page.goto(f"{bench.url}/runs/{bench.ids[name]}{query}")
    page.get_by_role("navigation", name="Parts of the run").wait_for()
    if "tab" not in query:
        page.get_by_role("complementary").wait_for()


def tags(bench: Served, name: str) -> dict[str, str]:
    found: dict[str, str] = Client(bench.store).get_run(bench.ids[name]).data.tags
    return found


def viewer(page: Page) -> Any:
    return page.locator(".art-viewer")


# -- what is seen first ----------------------------------------------------------------------------


def test_the_first_look_shows_numbers_against_the_best_run_before(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31")
    head = page.get_by_role("region", name="Run", exact=True)
    expect(head).to_contain_text(re.compile(r"running \d+m.* step 8,652 of 10,000"))
    expect(head).to_contain_text("on gpu-3")
    expect(head.locator(".run-nums > div").first).to_contain_text("0.9187")
    expect(head.locator(".run-nums > div").first).to_contain_text("+.0045 over plover-07")
    loss = head.locator(".run-nums > div", has_text="loss")
    expect(loss.locator(".ok")).to_have_text("-.0109")
    expect(page.get_by_role("figure", name=re.compile("^f1: 2 runs, 447 points"))).to_be_visible()
    about = page.get_by_role("complementary")
    expect(about).to_contain_text("against plover-07")
    expect(about.locator(".hot", has_text="0.2 was 0.1")).to_be_visible()
    expect(about).to_contain_text("<b>&amp;</b>")
    expect(about).to_contain_text("main 4be01d7 edited")
    expect(about).to_contain_text("clips-eu@9f2c41")
    expect(about.get_by_role("log")).to_contain_text("step 8640")
    tabs = page.get_by_role("navigation", name="Parts of the run")
    expect(tabs).to_contain_text("System 4")
    expect(tabs).to_contain_text("Traces 2")
    accessible(page)


def test_a_point_that_is_logged_is_on_the_page_soon(page: Page, bench: Served) -> None:
    opened(page, bench, "dunnock-30")
    figure = page.get_by_role("figure", name=re.compile("^f1:"))
    expect(figure).to_have_attribute("aria-label", re.compile("310 points"))
    began = time.monotonic()
    now = int(time.time() * 1000)
    Client(bench.store).log_batch(
        bench.ids["dunnock-30"], metrics=[Metric("f1", 0.9555, now, 10_000)]
    )
    expect(page.locator(".run-nums .big").first).to_have_text("0.9555")
    assert time.monotonic() - began < 10
    expect(figure).to_have_attribute("aria-label", re.compile("311 points"))


def test_what_the_run_prints_is_followed(page: Page, bench: Served) -> None:
    opened(page, bench, "heron-31")
    log = page.get_by_role("log")
    expect(log).to_contain_text("step 8640")
    uri = Client(bench.store).get_run(bench.ids["heron-31"]).info.artifact_uri
    with (Path(url2pathname(urlsplit(uri).path)) / "logs/train.log").open("a") as file:
        file.write("14:00:51  step 8680  <b>loss</b> .1799\n")
    expect(log).to_contain_text("step 8680  <b>loss</b>")


def test_a_run_that_is_not_there_and_one_without_numbers(page: Page, bench: Served) -> None:
    page.goto(f"{bench.url}/runs/{'0' * 32}")
    expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
    bare = Client(bench.store).create_run(bench.ids["owl-nights"], run_name="<b>bare</b>").info
    page.goto(f"{bench.url}/runs/{bare.run_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("<b>bare</b>")
    expect(page.get_by_role("heading", name="No numbers yet")).to_be_visible()
    for tab, said in {
        "Metrics": "No metric", "System": "Nothing about the machine", "Artifacts": "No artifacts",
        "Traces": "No traces", "Code": "Nothing is known of the code", "Children": "No runs below",
    }.items():  # fmt: skip
        page.get_by_role("navigation", name="Parts of the run").get_by_text(tab).click()
        expect(page.get_by_role("heading", name=said)).to_be_visible()


def test_a_phone_reads_it(phone: Page, bench: Served, accessible: Callable[[Page], None]) -> None:
    opened(phone, bench, "heron-31")
    expect(phone.locator(".run-nums .big").first).to_be_visible()
    phone.get_by_role("figure").first.wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    accessible(phone)
    phone.get_by_role("link", name=re.compile("^Artifacts")).click()
    phone.get_by_role("treeitem", name="config/").click()
    phone.get_by_role("treeitem", name="model.yaml").click()
    expect(viewer(phone)).to_contain_text("backbone: convnext-s")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


# -- the keyboard ----------------------------------------------------------------------------------


def test_all_parts_and_the_runs_beside_it_by_keys(page: Page, bench: Served) -> None:
    opened(page, bench, "heron-31")
    heads = ("overview", "metrics", "system", "artifacts", "traces", "code", "children")
    for number, name in enumerate(heads, 1):
        page.keyboard.press(str(number))
        here = page.get_by_role("navigation", name="Parts of the run").locator("[aria-current]")
        expect(here).to_have_text(re.compile(name, re.IGNORECASE))
    page.keyboard.press("5")
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^fold-"))
    page.get_by_role("navigation", name="Parts of the run").wait_for()
    assert "tab=traces" in page.url
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1)).to_have_text("heron-31")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("heron-31")


def test_another_name_a_tag_and_the_note_by_keys_and_each_undone(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "ruff-03")
    page.keyboard.press("n")
    page.get_by_role("textbox", name="Name").fill("ruff <3>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("ruff <3>")
    expect(page.locator(".foot")).to_contain_text("renamed ruff-03 to ruff <3>")
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_role("heading", level=1)).to_have_text("ruff-03")

    page.keyboard.press("t")
    page.get_by_role("combobox", name="Key").fill("stage")
    page.get_by_role("combobox", name="Value").fill("<i>late</i>")
    page.keyboard.press("Enter")
    kept = page.locator(".run-tags-list")
    expect(kept).to_contain_text("<i>late</i>")
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    assert tags(bench, "ruff-03")["stage"] == "<i>late</i>"
    page.get_by_role("button", name="Remove the tag stage").focus()
    page.keyboard.press("Enter")
    expect(kept).not_to_contain_text("stage")
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    page.keyboard.press("z")
    expect(kept).to_contain_text("<i>late</i>")

    page.keyboard.press("e")
    page.keyboard.type("## seen\n\n- [x] **done** <script>window.escaped = 1</script>")
    page.keyboard.press("Control+Enter")
    note = page.get_by_role("region", name="Note")
    expect(note.locator("strong")).to_have_text("done")
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    assert tags(bench, "ruff-03")[NOTE].startswith("## seen")
    accessible(page)
    page.keyboard.press("z")
    expect(note).to_be_hidden()
    assert page.evaluate("window.escaped") is None


def test_deleted_shown_at_once_and_undone(page: Page, bench: Served) -> None:
    opened(page, bench, "brambling-05")
    page.keyboard.press("Backspace")
    expect(page.locator(".meta .bad")).to_have_text("deleted")
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator(".meta .bad")).to_be_hidden()
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    expect(page.locator(".meta .bad")).to_be_hidden()


# -- notes -----------------------------------------------------------------------------------------


def test_the_second_of_two_who_edit_a_note_sees_both_and_decides(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "linnet-22")
    page.keyboard.press("e")
    box = page.get_by_role("textbox", name="Note, in markdown")
    box.fill("mine")
    Client(bench.store).set_tag(bench.ids["linnet-22"], NOTE, "theirs")
    # What was written survives a reload too.
    page.reload()
    expect(box).to_have_value("mine")
    box.press("Control+Enter")
    both = page.get_by_role("alert")
    expect(both).to_contain_text("Somebody has changed this note")
    expect(both).to_contain_text("theirs")
    accessible(page)
    assert tags(bench, "linnet-22")[NOTE] == "theirs"
    both.get_by_role("button", name="Put both together").click()
    expect(box).to_have_value("theirs\n\nmine")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
    assert tags(bench, "linnet-22")[NOTE] == "theirs\n\nmine"


def test_a_server_that_is_gone_and_back_costs_nothing_that_was_written(
    chromium: Browser, tmp_path: Path, serve: Callable[..., Any]
) -> None:
    ids = birdsong.fill(f"sqlite:{tmp_path}/s.db")
    context = chromium.new_context(viewport=DESK)
    page, seen = watched(context)
    with serve(tmp_path, ids=ids) as first:
        opened(page, first, "curlew-12")
        page.keyboard.press("e")
        box = page.get_by_role("textbox", name="Note, in markdown")
        box.fill("what I saw")
    expect(page.get_by_role("status").filter(has_text="last heard")).to_be_visible()
    expect(page.locator(".run-nums .big").first).to_have_text("0.8852")
    box.press("Control+Enter")
    expect(page.locator(".foot")).to_contain_text("the note is not saved, and stays here")
    expect(box).to_have_value("what I saw")
    with serve(tmp_path, "--port", str(urlsplit(first.url).port), ids=ids) as second:
        expect(page.get_by_role("status").filter(has_text="last heard")).to_be_hidden()
        box.press("Control+Enter")
        expect(page.get_by_role("region", name="Note")).to_contain_text("what I saw")
        expect(page.get_by_role("button", name=re.compile("^undo"))).to_be_visible()
        assert tags(second, "curlew-12")[NOTE] == "what I saw"
        seen.check(page, allowed=("net::ERR_",))
        context.close()


# -- metrics ---------------------------------------------------------------------------------------


def test_metrics_are_found_by_a_regular_expression_and_one_is_looked_at(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31", "?tab=metrics")
    table = page.get_by_role("table")
    row = table.get_by_role("row", name=re.compile("^loss"))
    odd = table.get_by_role("row").filter(has_text="odd/values")
    expect(row).to_contain_text("7,434")
    expect(row).to_contain_text("1.598")
    expect(odd.locator("td").nth(7)).to_have_text("5")
    expect(table).to_contain_text("w" * 250)
    page.keyboard.press("/")
    page.keyboard.type("/^train|acc/")
    expect(table.locator("tbody tr")).to_have_count(3)
    accessible(page)
    page.get_by_role("searchbox").fill("/[/")
    expect(page.locator(".cap")).to_contain_text("not a regular expression")
    page.keyboard.press("Escape")
    row.get_by_role("button", name="loss").click()
    expect(page.get_by_role("figure", name=re.compile("^loss: 2 runs"))).to_be_visible()
    page.keyboard.press("j")
    expect(
        page.get_by_role("figure", name=re.compile("^odd.values: .* not finite"))
    ).to_be_visible()
    page.keyboard.press("v")
    expect(page.get_by_role("figure", name=re.compile("^acc:"))).to_be_visible()


def test_thousands_of_metrics_make_only_the_rows_in_sight(page: Page, fresh: Served) -> None:
    client, now = Client(fresh.store), int(time.time() * 1000)
    run = client.create_run("0", run_name="wide").info.run_id
    points = [Metric(f"layer/{i}/acc", i / 7, now, s) for i in range(3_000) for s in (1, 2)]
    for first in range(0, len(points), 1000):
        client.log_batch(run, metrics=points[first : first + 1000])
    page.goto(f"{fresh.url}/runs/{run}?tab=metrics")
    table = page.get_by_role("table")
    expect(table).to_have_attribute("aria-rowcount", "3001")
    assert table.locator("tbody tr").count() < 90
    box = page.get_by_role("region", name="Metrics")
    box.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    last = table.get_by_role("row").filter(has_text="layer/2999/acc")
    # Its spark and its best were not in the first answer.
    expect(last.locator("td").nth(2)).to_have_text(re.compile(r"428\.4"))


# -- artifacts -------------------------------------------------------------------------------------


def test_artifacts_that_try_to_break_out_reach_nothing(chromium: Browser, bench: Served) -> None:
    context = chromium.new_context(viewport=DESK)
    page, seen = watched(context)
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    opened(page, bench, "heron-31", "?tab=artifacts&path=report.html")
    frame = page.frame_locator("iframe")
    # Its scripts run, apart: neither the page, nor its cookies, nor the server are in reach.
    expect(frame.locator("#said")).to_have_text("ran; reached:")
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    for path in ("picture.svg", "notes.md", "songs.ipynb"):
        page.get_by_role("treeitem", name=path).click()
        expect(viewer(page)).to_have_attribute("aria-label", path)
    expect(viewer(page).get_by_role("columnheader", name="song")).to_be_visible()
    page.get_by_role("treeitem", name=re.compile("<img")).click()
    expect(viewer(page).get_by_role("heading")).to_have_text(workbench.MARKUP)
    expect(viewer(page)).to_contain_text("harmless")
    assert page.evaluate("window.escaped") is None
    assert [url for url in answered if "/health" in url] == []
    page.get_by_role("treeitem", name="picture.svg").click()
    page.get_by_role("img", name="picture.svg").wait_for()
    # Opened by itself the page still has no origin.
    run = bench.ids["heron-31"]
    alone = f"{bench.url}/api/pegboard/1.0/artifacts/frame?run_id={run}&path=alone.html"
    page.goto(alone)
    expect(page.locator("p")).to_have_text("origin null, no cookies")
    seen.check(page, allowed=(*APART, "default-src", "connect-src", "img-src"))
    context.close()


def test_tables_by_pages_and_keys(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31", f"?tab=artifacts&path={quote('val/clips.csv')}")
    expect(viewer(page)).to_contain_text("rows 1 to 100 of 2,500, 4 columns")
    page.keyboard.press(".")
    expect(viewer(page)).to_contain_text("rows 101 to 200 of 2,500")
    expect(viewer(page).get_by_role("cell", name="clip-150", exact=True)).to_be_visible()
    assert "row=100" in page.url
    accessible(page)
    page.get_by_role("treeitem", name="answers.json").click()
    expect(viewer(page).get_by_role("cell", name="<i>")).to_be_visible()
    page.get_by_role("treeitem", name="errors.jsonl").click()
    expect(viewer(page).get_by_role("cell", name="0.2500")).to_be_visible()


def test_images_of_steps_behind_a_slider(page: Page, bench: Served) -> None:
    opened(page, bench, "heron-31", "?tab=artifacts")
    page.get_by_role("treeitem", name="images/").wait_for()
    page.get_by_role("tree", name="Files").focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.get_by_role("treeitem", name="val/saliency").wait_for()
    page.keyboard.press("ArrowDown")
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "step 900")
    page.keyboard.press("[")
    expect(slider).to_have_attribute("aria-valuetext", "step 800")
    expect(page.get_by_role("img", name=re.compile("saliency at step 800"))).to_be_visible()
    slider.fill("0")
    assert "step=0" in page.url
    page.keyboard.press("+")
    expect(viewer(page)).to_contain_text("96 × 96, 1 : 1")


def test_what_cannot_be_shown_says_why_and_can_be_downloaded(page: Page, bench: Served) -> None:
    opened(page, bench, "heron-31", "?tab=artifacts&path=empty.bin")
    said = {
        "empty.bin": "It has no bytes",
        "weights.pt": "This file is no text",
        "huge.txt": "the first 65.5 kB of 10.7 GB",
        "figures/wrong.png": "This is no picture",
        "val/broken.parquet": "is not a sound Parquet file",
        "clips/heron.wav": "This browser does not play this file",
        "nothing/here.txt": "There is no such file",
    }
    for path, words in said.items():
        opened(page, bench, "heron-31", f"?tab=artifacts&path={quote(path)}")
        expect(page.locator(".art-beside")).to_contain_text(words)
    opened(page, bench, "heron-31", "?tab=artifacts&path=weights.pt")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download 51.2 kB").click()
    assert got.value.suggested_filename == "weights.pt"
    assert Path(got.value.path()).read_bytes() == bytes(range(256)) * 200


def test_code_in_colours_json_as_a_tree_and_a_models_files(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31", "?tab=artifacts&path=train.py")
    expect(viewer(page).locator(".h-k").first).to_have_text("import")
    accessible(page)
    page.get_by_role("treeitem", name="config/").click()
    page.get_by_role("treeitem", name="options.json").click()
    expect(viewer(page).get_by_role("listitem").filter(has_text="name: <b>")).to_be_visible()
    page.keyboard.press("s")
    expect(viewer(page)).to_contain_text('"name": "<b>"')
    page.get_by_role("treeitem", name="classifier, step 8600").click()
    page.get_by_role("treeitem", name="MLmodel").click()
    expect(viewer(page)).to_contain_text("loader_module: birds")


# -- code, children, models ------------------------------------------------------------------------


def test_the_code_tab_shows_what_was_not_committed(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31", "?tab=code")
    link = page.get_by_role("link", name=re.compile("^4be01d7"))
    expect(link).to_have_attribute(
        "href", re.compile(r"^https://github.com/birds/songs/commit/4be")
    )
    change = page.get_by_role("region", name="train.py", exact=True)
    expect(change.locator("tr.add").first).to_contain_text("mixup = 0.2")
    expect(change.locator("tr.del")).to_contain_text("mixup = 0.1")
    expect(page.get_by_role("region", name="Packages")).to_contain_text("torch==2.9.1")
    accessible(page)


def test_traces_of_the_run_lead_to_their_pages(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31", "?tab=traces")
    rows = page.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("error")
    expect(rows.last).to_contain_text("which <b>bird</b>?")
    expect(rows.last).to_contain_text("1.5s")
    accessible(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{bench.url}/traces/tr-{'2' * 32}")


def test_children_are_a_tree(page: Page, bench: Served, accessible: Callable[[Page], None]) -> None:
    client = Client(bench.store)
    tag = {"mlflow.parentRunId": bench.ids["fold-3"]}
    client.create_run(bench.ids["birdsong-classifier"], tags=tag, run_name="grandchild")
    opened(page, bench, "sweep-folds", "?tab=children")
    grid = page.get_by_role("treegrid")
    expect(grid.get_by_role("row")).to_have_count(6)
    grid.get_by_role("button", name="Unfold fold-3").press("Enter")
    expect(grid.get_by_role("row", name=re.compile("grandchild"))).to_have_attribute(
        "aria-level", "2"
    )
    accessible(page)
    grid.get_by_role("link", name="grandchild").click()
    expect(page.locator(".meta")).to_contain_text("below fold-3")
    # A sweep shows its trials as parallel coordinates, the best first; a part of an axis filters.
    for key, value in SWEEP.items():
        client.set_tag(bench.ids["sweep-folds"], f"pegboard.sweep.{key}", value)
    client.set_tag(bench.ids["sweep-folds"], "pegboard.sweep.best_run", bench.ids["fold-1"])
    client.log_metric(bench.ids["sweep-folds"], "best_acc", 0.9355)
    opened(page, bench, "sweep-folds", "?tab=children")
    expect(grid.get_by_role("row").nth(1)).to_contain_text("fold-1")
    said = re.compile(r"grid search, 5 of 6 trials; best:.*fold-1, acc 0.9355")
    expect(page.locator(".run-sweep p")).to_contain_text(said)
    picture = page.get_by_role("group", name="parallel: lr, opt, acc: picture")
    picture.press("ArrowRight")
    expect(page.get_by_role("status").filter(has_text="acc")).to_contain_text("fold-")
    accessible(page)
    box = picture.bounding_box()
    assert box is not None
    right = box["x"] + box["width"] - 70
    page.mouse.move(right, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(right, box["y"] + 10)
    page.mouse.up()
    expect(page).to_have_url(re.compile("q=metrics.acc"))
    expect(grid.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="All trials").press("Enter")
    expect(grid.get_by_role("row")).to_have_count(6)


def test_a_logged_model_becomes_a_version_and_z_takes_it_back(
    page: Page, bench: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, bench, "heron-31")
    page.keyboard.press("m")
    box = page.get_by_role("dialog", name="Register a model")
    box.get_by_role("combobox", name="Name").fill("birds")
    expect(box).to_contain_text("A new model: this will be its first version.")
    expect(box).to_contain_text(f"models:/{bench.ids['classifier']}")
    accessible(page)
    page.keyboard.press("Enter")
    about = page.get_by_role("complementary")
    expect(about).to_contain_text("birds v1")
    expect(page.locator(".foot")).to_contain_text("registered as birds")
    page.keyboard.press("z")
    expect(about).not_to_contain_text("birds v1")
    found = page.request.get(f"{bench.url}/api/2.0/mlflow/registered-models/search").json()
    assert found.get("registered_models", []) == []


# -- who may not -----------------------------------------------------------------------------------


def test_who_only_reads_sees_no_button_that_would_be_refused(
    chromium: Browser,
    tmp_path: Path,
    serve: Callable[..., Any],
    accessible: Callable[[Page], None],
) -> None:
    command = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add", "ann"]
    words = ["--level", "read", "--token", "--users", "users"]
    made = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    token = made.stdout.strip().splitlines()[-1].split()[-1]
    store = f"sqlite:{tmp_path}/s.db"
    ids = birdsong.fill(store)
    workbench.fill(store, ids["heron-31"])
    with serve(tmp_path, "--users", "users", ids=ids) as served:
        context = chromium.new_context(
            viewport=DESK, extra_http_headers={"Authorization": f"Bearer {token}"}
        )
        page, seen = watched(context)
        opened(page, served, "heron-31")
        expect(page.get_by_role("complementary")).to_contain_text("two specaug masks")
        for name in ("register", "edit", "tag", "Restore", "Remove the tag team"):
            expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
        for key in ("e", "t", "n", "m", "Backspace"):
            page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("textbox")).to_have_count(0)
        accessible(page)
        opened(page, served, "heron-31", "?tab=artifacts&path=report.html")
        expect(page.frame_locator("iframe").locator("#said")).to_have_text("ran; reached:")
        seen.check(page, allowed=(*APART, "default-src", "connect-src", "img-src"))
        context.close()


def test_a_run_that_nobody_ends_any_more_is_marked(page: Page, fresh: Served) -> None:
    client = Client(fresh.url)
    hour_ago = int(time.time() * 1000) - 3_600_000
    left = client.create_run("0", start_time=hour_ago, run_name="left").info.run_id
    client.log_batch(left, metrics=[Metric("acc", 0.5, hour_ago + 60_000, 1)])
    alive = client.create_run("0", run_name="alive").info.run_id
    page.goto(f"{fresh.url}/runs/{alive}")
    page.get_by_role("button", name="alive: menu").click()
    expect(page.get_by_role("menuitem", name="Rename")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Mark as")).to_have_count(0)
    page.goto(f"{fresh.url}/runs/{left}")
    page.get_by_role("button", name="left: menu").click()
    with page.expect_response("**/runs/update"):
        page.get_by_role("menuitem", name="Mark as killed").click()
    expect(page.get_by_label("killed").first).to_be_visible()
    info = client.get_run(left).info
    assert (info.status, info.end_time) == ("KILLED", hour_ago + 60_000)
    expect(page.get_by_text("marked left as killed")).to_be_visible()
    with page.expect_response("**/runs/update"):
        page.keyboard.press("z")
    expect(page.get_by_label("running").first).to_be_visible()
    info = client.get_run(left).info
    assert (info.status, info.end_time) == ("RUNNING", None)
