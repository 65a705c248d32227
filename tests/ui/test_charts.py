"""The charts of an experiment: lines, bands, pictures of runs, images and tables."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Served, serving
from pegboard.entities import Metric, Param
from pegboard_scripting.client import Client
from playwright.sync_api import Download, Locator, Page, expect

MARKUP = "<img src=x onerror=alert(1)>"
LONG = "siskin-28-long-warmup-cosine"
CROWD = 40
NAMES = 1_000


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve 40 runs, one of which has 1,000 metrics, images and a table."""
    place = tmp_path_factory.mktemp("crowd")
    client = Client(f"sqlite:{place}/s.db")
    experiment = client.create_experiment("crowd")
    ids = {"crowd": experiment}
    for number in range(CROWD):
        name = MARKUP if number == 1 else f"run-{number:02}"
        run = client.create_run(experiment, 1_700_000_000_000 + number, {}, name).info.run_id
        ids[name] = run
        points = [Metric("loss", 1 / (step + number + 1), 1, step) for step in range(20)]
        client.log_batch(run, metrics=points, params=[Param("lr", f"1e-{number % 4}")])
    first = ids["run-39"]
    for start in range(0, NAMES, 1000):
        names = [f"layer/{n:04}" for n in range(start, start + 1000)]
        client.log_batch(
            first, metrics=[Metric(name, 1, 1, step) for name in names for step in (0,)]
        )
    for name in ("run-39", "run-38"):
        for step in (10, 20) if name == "run-39" else (10,):
            file = place / f"val~x+step+{step}+timestamp+1700000000000+id{step}.png"
            file.write_bytes(png(step))
            client.log_artifact(ids[name], str(file), "images")
        client.log_table(ids[name], {"word": [MARKUP, "b"], "score": [0.5, 1]}, "words.json")
    with serving(place, ids=ids) as served:
        yield served


def png(shade: int) -> bytes:
    """Return a picture of 2 × 2."""

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes([shade] * 6)) * 2
    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def charts_of(page: Page, served: Served, experiment: str, query: str = "") -> None:
    page.goto(f"{served.url}/experiments/{served.ids[experiment]}?view=charts{query}")
    page.locator("figure").first.wait_for()


def picture(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=f"{name}: picture", exact=True)


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def drag(page: Page, where: Locator, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw from one part of a picture to another, in fractions of its size."""
    box = where.bounding_box()
    assert box is not None
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (begin, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move((at[0][0] + at[1][0]) / 2, (at[0][1] + at[1][1]) / 2)
    page.mouse.move(*at[1])
    page.mouse.up()


def saved(page: Page, chart: str, item: str) -> str:
    """Save a chart by its menu, and return what was saved."""
    page.get_by_role("figure", name=re.compile(f"^{re.escape(chart)}: ")).hover()
    page.get_by_role("button", name=f"{chart}: menu", exact=True).click()
    with page.expect_download() as found:
        page.get_by_role("menuitem", name=item).click()
    download: Download = found.value
    return Path(download.path()).read_text()


def test_charts_say_what_is_drawn_and_the_pointer_lists_the_best_first(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    charts_of(page, birds, "birdsong-classifier", "&smooth=0.7")
    figure = page.get_by_role(
        "figure", name=re.compile(r"^acc: 19 runs, 3,716 points, 3,\d+ drawn")
    )
    expect(figure).to_contain_text("y fits 2.5k+")
    expect(page.get_by_role("figure", name=re.compile("^loss: .* 1 not finite"))).to_be_visible()
    accessible(page)
    picture(page, "acc").hover()
    told = page.locator(".hoverlist")
    expect(told).to_contain_text(re.compile(r"acc at step [\d,]+"))
    expect(told).to_contain_text(LONG)
    values = [float(text) for text in told.locator(".r").all_inner_texts()]
    assert len(values) == 12
    assert values == sorted(values, reverse=True)
    expect(page.locator(".cur")).to_have_count(page.locator("figure.chart canvas").count())
    picture(page, "loss").hover()
    losses = [float(text) for text in told.locator(".r").all_inner_texts()]
    assert losses == sorted(losses)


def test_dragging_zooms_all_charts_and_a_double_click_shows_all(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier")
    page.get_by_role("button", name="acc: menu").wait_for()
    with page.expect_request(lambda asked: "metrics/series" in asked.url and "from=" in asked.url):
        drag(page, picture(page, "acc"), (0.4, 0.3), (0.6, 0.5))
    window = query_of(page)
    low, high = (float(window[name][0]) for name in ("from", "to"))
    assert 0 < low < high < 10_080
    acc = page.get_by_role("figure", name=re.compile("^acc: "))
    expect(acc).not_to_contain_text("3,716 points")
    expect(page.get_by_role("button", name="zoomed").first).to_be_visible()
    picture(page, "acc").dblclick()
    expect(acc).to_contain_text("3,716 points")
    assert "from" not in query_of(page)


def test_charts_are_used_with_the_keyboard_alone(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier")
    page.get_by_role("button", name="f1: menu").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.keyboard.type("acc|f1")
    expect(page.locator("figure")).to_have_count(2)
    page.keyboard.type("(")
    expect(page.get_by_label("Find metrics, as a regular expression")).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(page.locator("figure")).to_have_count(2)
    page.keyboard.press("Backspace")
    picture(page, "acc").focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".hoverlist")).to_contain_text("acc at step")
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="zoomed").first).to_be_visible()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="zoomed")).to_have_count(0)
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="y shows all").first).to_be_visible()
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("log=acc"))
    page.keyboard.press("t")
    table = page.get_by_role("dialog", name="acc: table")
    expect(table.get_by_role("row", name=re.compile("heron-31"))).to_contain_text(".9412")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="f1: menu").press("Enter")
    page.get_by_role("menuitem", name="Move to the front").press("Enter")
    expect(page.locator("figure").first).to_have_attribute("aria-label", re.compile("^f1: "))
    page.reload()
    expect(page.locator("figure").first).to_have_attribute("aria-label", re.compile("^f1: "))


def test_a_point_appears_by_itself_and_a_line_opens_its_run(page: Page, fresh: Served) -> None:
    client = Client(fresh.store)
    run = client.create_run("0", 1_700_000_000_000, None, "live").info.run_id
    client.log_batch(run, metrics=[Metric("loss", 2 - step, 1, step) for step in range(2)])
    page.goto(f"{fresh.url}/experiments/0?view=charts")
    figure = page.get_by_role("figure", name="loss: 1 run, 2 points, 2 drawn")
    expect(figure).to_be_visible()
    client.log_batch(run, metrics=[Metric("loss", 0.5, 1, 2), Metric("acc", 1, 1, 1)])
    expect(page.get_by_role("figure", name="loss: 1 run, 3 points, 3 drawn")).to_be_visible()
    expect(page.get_by_role("figure", name="acc: 1 run, 1 point, 1 drawn")).to_be_visible()
    picture(page, "loss").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"peek={run}"))


def test_a_chart_is_dragged_to_another_place(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier")
    page.get_by_role("button", name="loss: menu", exact=True).wait_for()
    page.get_by_role("heading", name="loss", exact=True).drag_to(
        page.get_by_role("heading", name="acc", exact=True)
    )
    expect(page).to_have_url(re.compile("order=loss"))
    expect(page.locator("figure").first).to_have_attribute("aria-label", re.compile("^loss: "))


def test_the_axis_smoothing_and_files_of_a_chart(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier", "&find=^acc$")
    page.get_by_role("button", name="acc: menu").wait_for()
    page.get_by_role("button", name="x step").click()
    page.get_by_role("menuitemcheckbox", name="another metric").click()
    page.get_by_label("Metric of the x axis").last.fill("train/lo")
    with page.expect_response(lambda answer: "x=metrics.train" in answer.url) as said:
        page.get_by_role("menuitem", name="train/loss").click()
    assert said.value.status == 200
    page.get_by_label("smooth").fill("0.5")
    expect(page).to_have_url(re.compile("smooth=0.5"))
    text = saved(page, "acc", "Save as SVG")
    assert text.startswith("<svg") and "heron-31" in text
    rows = saved(page, "acc", "Save as CSV").splitlines()
    assert rows[0] == "run_id,run,metric,metrics.train/loss,value"
    assert len(rows) > 3_000


def test_an_axis_that_is_not_there_is_named_with_what_is_drawn(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier", "&find=^acc$&x=epoch")
    said = page.locator("figcaption")
    expect(said).to_have_text(re.compile("^19 runs, .*, over step: there is no axis epoch$"))
    status = page.get_by_role("status").filter(has_text="There is no x axis epoch.")
    status.get_by_role("button", name="step").click()
    expect(said).to_have_text(re.compile("drawn$"))
    expect(status).to_have_count(0)


def test_groups_are_bands(page: Page, birds: Any) -> None:
    charts_of(page, birds, "birdsong-classifier", "&group=params.opt&find=^acc$")
    name = re.compile("^acc: 3 groups of 24 runs, 4,916 points")
    expect(page.get_by_role("figure", name=name)).to_be_visible()
    picture(page, "acc").hover()
    expect(page.locator(".hoverlist")).to_contain_text("opt adamw")


def test_charts_of_runs_are_added_and_brushing_filters(
    page: Page, birds: Any, accessible: Callable[[Page], None]
) -> None:
    charts_of(page, birds, "birdsong-classifier")
    for kind in ("Scatter", "Parallel", "Boxes", "Bars"):
        page.get_by_role("button", name="+ chart").click()
        page.get_by_role("menuitem", name=re.compile(kind)).click()
        page.get_by_role("menu").wait_for(state="detached")
    expect(page.get_by_role("figure", name=re.compile("^parallel: .*: 24 runs"))).to_be_visible()
    accessible(page)
    page.reload()
    scatter = page.get_by_role("figure", name=re.compile(" against .*: 24 runs"))
    scatter.wait_for()
    assert len(query_of(page)["plots"][0].split(",")) == 4
    scatter.get_by_role("group").press("ArrowRight")
    expect(page.locator(".hoverlist")).to_be_visible()
    drag(page, scatter.get_by_role("group"), (0.15, 0.02), (0.6, 0.3))
    expect(page).to_have_url(re.compile("q=metrics"))
    asked = query_of(page)["q"][0]
    assert re.fullmatch(r"metrics\.\w+ >= \S+ and metrics\.\w+ <= \S+( and metrics.*)?", asked)
    expect(page.get_by_role("combobox").first).to_have_value(asked)
    expect(scatter).to_have_count(0)
    page.get_by_role("figure", name=re.compile("of each run: ")).get_by_role("group").press("t")
    expect(page.get_by_role("dialog")).to_contain_text("dunnock-30")


def test_of_many_runs_only_the_best_has_a_colour(page: Page, crowd: Served) -> None:
    charts_of(page, crowd, "crowd", "&find=^loss$&lines=100")
    figure = page.get_by_role("figure", name=re.compile("^loss: 40 runs, 800 points, 800 drawn"))
    expect(figure).to_be_visible()
    text = saved(page, "loss", "Save as SVG")
    lines = re.findall(r'<path clip-path="url\(#c0\)" [^>]*stroke="([^"]+)"', text)
    assert len(lines) == CROWD
    assert sorted(lines.count(each) for each in set(lines)) == [1, CROWD - 1]
    assert "<img" not in text


def test_thousands_of_metrics_are_made_where_one_looks(page: Page, crowd: Served) -> None:
    charts_of(page, crowd, "crowd")
    expect(page.get_by_text("1 of 1,001 open")).to_be_visible()
    page.get_by_role("button", name="layer/ 1,000 charts").click()
    expect(
        page.get_by_role("figure", name=re.compile("^layer.0000: 1 run, 1 point"))
    ).to_be_visible()
    assert page.locator("canvas").count() <= 12
    page.locator(".pane").evaluate("pane => pane.scrollTo(0, pane.scrollHeight)")
    expect(page.get_by_role("figure", name=re.compile("^layer.0999: 1 run"))).to_be_visible()
    assert page.locator("canvas").count() <= 12
    assert page.locator("figure").count() <= 20


def test_images_share_a_slider_and_tables_stand_side_by_side(
    page: Page, crowd: Served, accessible: Callable[[Page], None]
) -> None:
    charts_of(page, crowd, "crowd", "&find=^loss$")
    page.get_by_role("button", name="loss: menu", exact=True).wait_for()
    for name in ("val/x", "words.json"):
        page.get_by_role("button", name="+ chart").click()
        page.get_by_role("menuitem", name=name).click()
    expect(page.get_by_alt_text("val/x of run-39 at step 20")).to_be_visible()
    expect(page.get_by_alt_text("val/x of run-38 at step 10")).to_be_visible()
    tables = page.get_by_role("figure", name="words.json: table of each run")
    expect(tables.get_by_role("table")).to_have_count(2)
    page.get_by_role("menu").wait_for(state="detached")
    page.get_by_label("step").press("ArrowLeft")
    expect(page.get_by_alt_text("val/x of run-39 at step 10")).to_be_visible()
    expect(tables.get_by_role("cell", name=MARKUP).first).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="take away").first.click()
    expect(page.get_by_alt_text("val/x of run-39 at step 10")).to_have_count(0)


def test_a_chart_that_fails_says_so_and_one_that_grows_old_says_when(
    page: Page, birds: Any
) -> None:
    broken = {"status": 503, "body": '{"error_code": "X", "message": "The disk is full."}'}
    page.route("**/metrics/series?*", lambda route: route.fulfill(**broken))
    charts_of(page, birds, "birdsong-classifier", "&find=^acc$")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The disk is full.")
    page.unroute("**/metrics/series?*")
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("figure", name=re.compile("^acc: 19 runs"))).to_be_visible()
    page.route("**/metrics/series?*", lambda route: route.fulfill(**broken))
    drag(page, picture(page, "acc"), (0.4, 0.3), (0.6, 0.5))
    expect(page.locator("figcaption.warn")).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d"))


def test_charts_stand_in_one_column_on_a_phone(phone: Page, birds: Any) -> None:
    charts_of(phone, birds, "birdsong-classifier")
    boxes = [each.bounding_box() for each in phone.locator("figure.chart").all()[:2]]
    assert boxes[0] and boxes[1]
    assert (boxes[0]["x"], boxes[0]["width"]) == (boxes[1]["x"], boxes[1]["width"]) == (0, 390)
