"""The table of runs: what it shows at once, how it is asked, walked through and changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import birdsong
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

SORTED = "sort=-metrics.acc"


@pytest.fixture
def table(page: Page, birds: Any) -> Callable[..., Page]:
    """Return what opens the table with a query, and waits for its rows."""

    def show(query: str = SORTED) -> Page:
        page.goto(f"{birds.url}/experiments/{birds.ids['birdsong-classifier']}?{query}")
        expect(page.locator(".body .row").first).to_be_visible()
        return page

    return show


def names(page: Page) -> list[str]:
    return page.locator(".body .row .nm .cut").all_text_contents()


def column(page: Page, title: str) -> list[str]:
    """Return what stands in a column, from the top."""
    heads = [
        text.strip() for text in page.locator(".head > .c > .cut, .head > .nm").all_text_contents()
    ]
    index = heads.index(title)
    return [row.locator("> .c").nth(index).inner_text() for row in page.locator(".body .row").all()]


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def filter_line(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Filter")


def test_the_first_visit_shows_numbers_and_is_accessible(
    table: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = table("")
    heads = page.locator(".head > .c").all_text_contents()
    assert heads[0].strip() == "name"
    for title in ("acc", "loss", "f1", "lr", "opt", "took", "age", "note"):
        assert any(title == head.strip() for head in heads), (title, heads)
    assert ".9412" in column(page, "acc")
    assert page.locator(".body .row svg .sp").count() >= 19
    expect(page.get_by_text("24 runs")).to_be_visible()
    accessible(page)


def test_the_first_load_is_small(page: Page, birds: Any) -> None:
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{birds.url}/experiments/{birds.ids['birdsong-classifier']}")
    expect(page.locator(".head .hb").first).to_be_visible()
    first = [answer for answer in answers if "events" not in answer.url]
    assert len(first) <= 9, [answer.url for answer in first]
    files = [answer for answer in first if "/api/" not in answer.url]
    sizes = [int(answer.headers.get("content-length", 0)) for answer in files]
    assert sum(sizes) <= 140_000
    scripts = [answer for answer in files if answer.url.endswith(".js")]
    assert all(answer.headers["content-encoding"] in ("br", "gzip") for answer in scripts)


def test_a_head_orders_best_first_then_the_other_way_then_not_at_all(
    table: Callable[..., Page],
) -> None:
    page = table("")
    head = page.get_by_role("columnheader").filter(has_text="loss").first
    head.locator("> button").first.click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(".body .row").first).to_contain_text(".1802")
    assert query(page)["sort"] == ["metrics.loss"]
    head.locator("> button").first.click()
    expect(head).to_have_attribute("aria-sort", "descending")
    head.locator("> button").first.click()
    expect(head).not_to_have_attribute("aria-sort", re.compile(".*"))
    page.go_back()
    expect(page.get_by_role("columnheader").filter(has_text="loss").first).to_have_attribute(
        "aria-sort", "descending"
    )


def test_the_names_and_their_head_stay_where_they_are_sideways(
    table: Callable[..., Page],
) -> None:
    keys = ("backbone", "opt", "lr", "batch", "mixup", "seed")
    page = table(
        "cols=metrics.acc,metrics.loss,metrics.f1," + ",".join(map("params.{}".format, keys))
    )
    page.set_viewport_size({"width": 800, "height": 600})
    page.locator(".grid").evaluate("grid => grid.scrollTo(1e4, 0)")
    assert page.locator(".grid").evaluate("grid => grid.scrollLeft") > 100
    left = page.locator(".grid").bounding_box()
    for part in (".head > .nm", ".body .row > .nm"):
        box = page.locator(part).first.bounding_box()
        assert left and box and box["x"] == left["x"], part
        # Nothing stands over it.
        over = f"document.elementFromPoint({box['x'] + 60}, {box['y'] + 12}).closest('{part}')"
        assert page.evaluate(f"{over} !== null"), part


def test_a_filter_is_completed_asked_and_kept_in_the_address(table: Callable[..., Page]) -> None:
    page = table()
    page.keyboard.press("/")
    page.keyboard.type("params.op")
    expect(page.get_by_role("option").first).to_contain_text("params.opt")
    page.keyboard.press("Tab")
    page.keyboard.type("= ")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("adamw")
    expect(options.first).to_contain_text("12 runs")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(filter_line(page)).to_have_value("params.opt = 'sgd'")
    page.keyboard.press("Enter")
    expect(page.get_by_text("8 of 24")).to_be_visible()
    assert query(page)["q"] == ["params.opt = 'sgd'"]
    page.reload()
    expect(filter_line(page)).to_have_value("params.opt = 'sgd'")
    expect(page.get_by_text("8 of 24")).to_be_visible()
    assert column(page, "opt") == ["sgd"] * 8


def test_a_wrong_filter_is_underlined_where_it_is_wrong_and_the_rows_stay(
    table: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = table()
    before = names(page)
    page.keyboard.press("/")
    page.keyboard.type("metrics.acc > .6 and params.opt = adamw")
    page.keyboard.press("Enter")
    expect(page.locator(".hl .err")).to_have_text("adamw")
    box = page.get_by_role("alert")
    expect(box).to_contain_text("column 35")
    expect(box).to_contain_text("'adamw'")
    expect(box).to_contain_text("12 runs")
    expect(page.get_by_text("last good: 24 runs")).to_be_visible()
    assert names(page) == before
    accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("12 of 24")).to_be_visible()
    # A link to a wrong one has no rows that could stay: it says why without being asked.
    page.goto(page.url.partition("?")[0] + "?q=metrics.acc+>>+1")
    expect(box).to_contain_text("column 13")


def test_plain_words_look_in_names_and_notes_and_what_was_asked_comes_back(
    table: Callable[..., Page],
) -> None:
    page = table()
    page.keyboard.press("/")
    page.keyboard.type("night queue")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 24")).to_be_visible()
    assert names(page) == ["sanderling-29"]
    filter_line(page).fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    filter_line(page).fill("")
    page.keyboard.press("ArrowUp")
    expect(filter_line(page)).to_have_value("night queue")


def test_the_keys_walk_fold_pick_and_look(
    table: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = table()
    for key in ("j", "Space", "j", "Space", "j", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".body .row")).to_have_count(24)
    assert names(page)[2:5] == ["sweep-folds", "fold-1", "fold-3"]
    row = page.get_by_role("row").filter(has_text="fold-1")
    expect(row).to_have_attribute("aria-level", "2")
    expect(page.get_by_text("2 picked")).to_be_visible()
    expect(page.locator(".foot")).to_contain_text("acc min .9377 · mean .9395 · max .9412")
    assert len(query(page)["runs"][0].split(",")) == 2
    page.keyboard.press("j")
    page.keyboard.press("o")
    peek = page.get_by_role("complementary", name="Run")
    expect(peek).to_contain_text("0.9355")
    page.keyboard.press("j")
    expect(peek).to_contain_text("0.9318")
    accessible(page)
    page.keyboard.press("o")
    expect(peek).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".body .row")).to_have_count(19)
    page.keyboard.press("Escape")
    expect(page.get_by_text("2 picked")).to_be_hidden()


def test_a_run_is_the_same_colour_after_another_order(table: Callable[..., Page]) -> None:
    page = table()

    def hue() -> str:
        row = page.locator(".body .row").filter(has_text="heron-31")
        return re.search(r"\bc\d\b", row.get_attribute("class") or "")[0]  # type: ignore[index]

    first = hue()
    page.keyboard.press("Shift+S")
    expect(page.locator(".body .row").first).to_contain_text("smew-01")
    assert hue() == first


def test_groups_show_means_and_unfold(table: Callable[..., Page]) -> None:
    page = table("")
    page.get_by_role("columnheader").filter(has_text="opt").click(button="right")
    page.get_by_role("menuitemcheckbox", name="Group by this").click()
    rows = page.locator(".body .row")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("adamw12")
    expect(rows.first).to_contain_text(".9278")
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_count(15)
    assert query(page)["group"] == ["params.opt"]


def test_columns_are_chosen_from_a_tree(
    table: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = table()
    page.keyboard.press(",")
    box = page.get_by_role("dialog", name="Columns")
    box.get_by_role("button", name="train/").click()
    accessible(page)
    box.get_by_label("lr").first.wait_for()
    box.get_by_role("textbox").fill("mixup")
    box.get_by_label("mixup").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("columnheader").filter(has_text="mixup")).to_be_visible()
    assert "params.mixup" in query(page)["cols"][0]


def test_a_drag_over_cells_tells_their_numbers_and_copies_them(
    table: Callable[..., Page], page: Page
) -> None:
    table()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    rows = page.locator(".body .row")
    rows.nth(0).locator(".sorted").hover()
    page.mouse.down()
    rows.nth(2).locator(".sorted").hover()
    page.mouse.up()
    expect(page.locator(".foot")).to_contain_text("acc min .9301 · mean .9363 · max .9412")
    page.keyboard.press("Control+c")
    expect(page.locator(".foot")).to_contain_text("copied 3 lines")
    assert page.evaluate("navigator.clipboard.readText()") == "0.9412\n0.9377\n0.9301"


def test_alt_click_on_a_cell_asks_for_it(table: Callable[..., Page]) -> None:
    page = table()
    page.locator(".body .row").first.get_by_text("convnext-s").click(modifiers=["Alt"])
    expect(filter_line(page)).to_have_value("params.backbone = 'convnext-s'")
    expect(page.get_by_text("5 of 24")).to_be_visible()
    # All that a filter says of datasets is in one column.
    page.get_by_role("combobox").fill("dataset.name = 'clips-eu'")
    page.keyboard.press("Enter")
    page.get_by_role("gridcell", name="clips-eu@9f2c8a7b (training)").click(modifiers=["Alt"])
    both = "dataset.name = 'clips-eu' and dataset.digest = '9f2c8a7be1d0'"
    expect(filter_line(page)).to_have_value(f"dataset.name = 'clips-eu' and {both}")
    expect(page.get_by_text("1 of 24")).to_be_visible()


def test_brushing_over_the_bars_of_a_head_asks_for_the_range(table: Callable[..., Page]) -> None:
    page = table()
    bars = page.get_by_role("columnheader").filter(has_text="loss").first.locator(".spread")
    box = bars.bounding_box()
    assert box
    page.mouse.move(box["x"] + 1, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 8)
    page.mouse.up()
    expect(filter_line(page)).to_have_value(
        re.compile(r"metrics\.loss >= 0\.1802 and metrics\.loss < ")
    )


def test_an_address_that_would_be_too_long_is_kept_on_the_server(
    page: Page, birds: Any, chromium: Browser
) -> None:
    runs = [run for run in birds.ids.values() if len(run) == 32] * 2
    page.goto(f"{birds.url}/experiments/{birds.ids['birdsong-classifier']}?hide={','.join(runs)}")
    expect(page.locator(".body .row").first).to_be_visible()
    page.keyboard.press("Control+a")
    expect(page.get_by_text("19 picked")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?v=1-[0-9a-f]{20}$"))
    other = chromium.new_page()
    other.goto(page.url)
    expect(other.get_by_text("19 picked")).to_be_visible()
    other.close()
    page.keyboard.press("Escape")
    expect(page.get_by_text("19 picked")).to_be_hidden()


def test_what_is_deleted_comes_back_with_one_key(page: Page, fresh: Any) -> None:
    ids = birdsong.fill(fresh.store)
    page.goto(f"{fresh.url}/experiments/{ids['tiny-lm-pretrain']}")
    rows = page.locator(".body .row")
    expect(rows).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("Delete")
    expect(rows).to_have_count(5)
    expect(page.locator(".foot")).to_contain_text("deleted tiny-0")
    page.keyboard.press("z")
    expect(rows).to_have_count(6)


def test_a_tag_is_set_and_shown(page: Page, fresh: Any) -> None:
    ids = birdsong.fill(fresh.store)
    page.goto(f"{fresh.url}/experiments/{ids['tiny-lm-pretrain']}?cols=tags.team,metrics.auc")
    expect(page.locator(".body .row")).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("t")
    box = page.get_by_role("dialog")
    box.get_by_label("Name of the tag").fill("team")
    box.get_by_label("Value").fill("<b>ours</b>")
    page.keyboard.press("Enter")
    expect(page.locator(".body .row").first).to_contain_text("<b>ours</b>")
    page.locator(".foot").get_by_role("button", name="undo").wait_for()
    page.keyboard.press("z")
    expect(page.locator(".body .row").first).to_contain_text("growth")


def test_a_pinned_run_stays_in_sight_and_is_kept(page: Page, fresh: Any) -> None:
    ids = birdsong.fill(fresh.store)
    address = f"{fresh.url}/experiments/{ids['tiny-lm-pretrain']}"
    page.goto(address)
    expect(page.locator(".body .row")).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("p")
    expect(page.locator(".heads .pinned")).to_contain_text("tiny-0")
    page.locator(".foot").get_by_role("button", name="undo").wait_for()
    page.goto(address)
    expect(page.locator(".heads .pinned")).to_contain_text("tiny-0")


def test_a_new_run_and_a_new_point_come_by_themselves(page: Page, fresh: Any) -> None:
    from pegboard.entities import Metric
    from pegboard_scripting.client import Client

    client = Client(fresh.url)
    experiment = client.create_experiment("owls")
    page.goto(f"{fresh.url}/experiments/{experiment}")
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    run = client.create_run(experiment, run_name="first").info.run_id
    client.log_batch(run, metrics=[Metric("acc", 0.5, 1, 1)])
    row = page.locator(".body .row")
    expect(row).to_contain_text("first")
    expect(row).to_contain_text(".5000")
    client.log_batch(run, metrics=[Metric("acc", 0.75, 2, 2)])
    expect(row).to_contain_text(".7500")
    client.set_terminated(run)
    expect(row.get_by_role("img", name="finished")).to_be_visible()


def test_a_server_that_is_gone_leaves_the_rows_and_says_since_when(
    chromium: Browser, tmp_path: Any, serve: Any
) -> None:
    ids = birdsong.fill(f"sqlite:{tmp_path}/s.db")
    page = chromium.new_page()
    with serve(tmp_path) as served:
        port = urlsplit(served.url).port
        page.goto(f"{served.url}/experiments/{ids['tiny-lm-pretrain']}")
        expect(page.locator(".body .row")).to_have_count(6)
    expect(page.get_by_text("last heard")).to_be_visible(timeout=20_000)
    expect(page.locator(".body .row")).to_have_count(6)
    with serve(tmp_path, "--port", str(port)):
        expect(page.get_by_text("last heard")).to_be_hidden(timeout=20_000)
        expect(page.locator(".body .row")).to_have_count(6)
    page.close()


def test_on_a_phone_a_name_and_two_numbers_are_read(
    phone: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    phone.goto(f"{birds.url}/experiments/{birds.ids['birdsong-classifier']}?{SORTED}")
    row = phone.locator(".body .row").first
    expect(row).to_contain_text("heron-31")
    expect(row.get_by_text(".9412")).to_be_visible()
    assert row.bounding_box()["height"] == 40  # type: ignore[index]
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    accessible(phone)


def test_dark_is_accessible_too(
    table: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    page = table()
    page.keyboard.press("Shift+D")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    accessible(page)


def test_runs_are_coloured_by_a_column_in_table_and_charts(table: Callable[..., Page]) -> None:
    page = table("view=split")
    page.get_by_role("columnheader", name="opt").click(button="right")
    page.get_by_role("menuitemcheckbox", name="Colour runs by this").click()
    assert query(page)["colour"] == ["params.opt"]
    legend = page.get_by_role("group", name="Colours by opt")
    expect(legend.locator("svg").first).to_be_visible()
    entries = {
        each.text_content() or "": (each.locator("svg").get_attribute("class") or "").split()[1]
        for each in legend.locator("button:has(svg), .e").all()
    }
    assert len(set(entries.values())) == len(entries) > 1
    hues = {text.rstrip("0123456789"): hue for text, hue in entries.items()}
    opts = column(page, "opt")
    pegs = [peg.get_attribute("class") or "" for peg in page.locator(".body .row .nm .peg").all()]
    assert len(opts) == len(pegs) > 10
    for value, peg in zip(opts, pegs, strict=True):
        assert peg.split()[1] == hues.get(value, "cx"), value
    legend.get_by_role("button").filter(has_text=opts[0]).click()
    assert query(page)["q"] == [f"params.opt = '{opts[0]}'"]
    expect(page.locator(".body .row").first).to_be_visible()
    legend.get_by_role("button", name="own colours").click()
    expect(legend).to_have_count(0)
    assert "colour" not in query(page)


def test_numbers_are_coloured_on_a_scale(table: Callable[..., Page]) -> None:
    page = table("sort=-metrics.acc&colour=metrics.acc&cols=metrics.loss")
    legend = page.get_by_role("group", name="Colours by acc")
    expect(legend.locator("svg").first).to_be_visible()
    expect(page.locator(".body .row .nm .peg").first).to_have_class("peg q4")
    # What is left out of the columns colours the runs all the same.
    assert "acc" not in page.locator(".head > .c").all_text_contents()[2:]


def test_a_chosen_colour_is_seen_by_a_colleague(
    table: Callable[..., Page], chromium: Browser, birds: Any
) -> None:
    page = table()
    first = page.locator(".body .row").first
    run = (first.locator("a").get_attribute("href") or "").rpartition("/")[2]
    first.locator(".nm").click()
    with page.expect_response("**/marks"):
        page.keyboard.press("Shift+C")
        page.get_by_role("menuitemradio", name="magenta, dashed").click()
    expect(first.locator(".peg")).to_have_class("peg c3")
    context = chromium.new_context()
    other = context.new_page()
    other.goto(f"{birds.url}/runs/{run}")
    expect(other.locator("main .peg").first).to_have_class("peg c3")
    context.close()
    with page.expect_response("**/marks"):
        page.keyboard.press("z")
    expect(first.locator(".peg")).not_to_have_class("peg c3")


def test_an_experiment_that_is_not_there_is_no_empty_one(page: Page, birds: Any) -> None:
    page.goto(f"{birds.url}/experiments/987654")
    expect(page.get_by_role("heading", name="There is no such experiment")).to_be_visible()
    expect(page.get_by_text("No runs yet")).to_be_hidden()
