"""Runs beside each other: differences, the baseline, curves, images and texts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from conftest import Served
from pegboard.entities import Metric, Param
from pegboard_scripting.client import Client
from playwright.sync_api import Locator, Page, Route, expect

NOTHING, BY = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
THREE = ("heron-31", "plover-07", "avocet-02")


def opened(page: Page, served: Served, names: tuple[str, ...] = THREE, more: str = "") -> None:
    runs = ",".join(served.ids[name] for name in names)
    page.goto(f"{served.url}/compare?runs={runs}{more}")
    expect(page.get_by_role("rowheader", name="acc", exact=True)).to_be_visible()


def row(page: Page, key: str) -> Locator:
    return page.locator(".cmp tbody tr", has=page.get_by_role("rowheader", name=key, exact=True))


def cells(page: Page, key: str) -> list[str]:
    return [text.strip() for text in row(page, key).locator("td").all_inner_texts()]


def heads(page: Page) -> list[str]:
    return page.locator(".cmp-run").all_inner_texts()


def test_it_opens_on_differences_and_says_by_how_much_with_a_sign(
    page: Page, nest: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, nest, more=f"&baseline={nest.ids['plover-07']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("compare 3 runs")
    assert re.split(r"\s+", cells(page, "acc")[0]) == [".9412", "+.0035"]
    assert re.split(r"\s+", cells(page, "acc")[1]) == [".9377", "baseline"]
    assert re.split(r"\s+", cells(page, "loss")[2]) == [".4862", "+.2951"]
    better, worse = row(page, "loss").locator(".del.ok"), row(page, "loss").locator(".del.bad")
    expect(better).to_have_text("-.0109")
    expect(worse).to_have_text("+.2951")
    expect(row(page, "backbone").locator(".odd")).to_have_text("resnet-50")
    expect(row(page, "seed")).to_have_count(0)
    expect(page.get_by_text(re.compile(r"^Parameters that differ, 4 of \d$"))).to_be_visible()
    expect(page.get_by_role("figure", name=re.compile(r"^f1: 3 runs, 529 points"))).to_be_visible()
    accessible(page)
    page.get_by_role("link", name=re.compile(r"^All \d+$")).click()
    expect(row(page, "seed")).to_have_count(1)
    accessible(page)


def test_all_of_it_with_the_keyboard(page: Page, nest: Served) -> None:
    opened(page, nest)
    page.keyboard.press("d")
    expect(row(page, "seed")).to_be_attached()
    page.keyboard.press("d")
    expect(row(page, "seed")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".cmp-run", has_text="plover-07")).to_be_focused()
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="baseline plover-07")).to_be_visible()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".cmp-run").first).to_have_text("plover-07")
    page.locator(".cmp-run", has_text="avocet-02").focus()
    page.keyboard.press("x")
    expect(page.get_by_role("heading", level=1)).to_have_text("compare 2 runs")
    expect(page.locator(".cmp-run")).to_have_text(["plover-07", "heron-31"])
    page.keyboard.press("a")
    page.keyboard.type("linnet")
    # Before the answer is there: what was typed counts, not what is shown.
    page.keyboard.press("Enter")
    expect(page.locator(".cmp-run", has_text="linnet-22")).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_role("rowheader", name="linnet-22")).to_be_visible()
    page.keyboard.press("t")
    page.keyboard.press("/")
    page.keyboard.type("mix")
    expect(page.locator(".cmp tbody th[scope=row]")).to_have_text(["mixup"])
    page.keyboard.press("Escape")
    page.go_back()
    page.reload()
    expect(page.locator(".cmp-run", has_text="linnet-22")).to_be_visible()


def test_from_the_table_to_a_comparison_and_back(page: Page, nest: Served) -> None:
    page.goto(f"{nest.url}/experiments/{nest.ids['birdsong-classifier']}")
    expect(page.get_by_role("row", name=re.compile("heron-31"))).to_be_visible()
    for key in ("j", "Space", "j", "Space", "c"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("compare 2 runs")
    expect(page.locator(".cmp .del.i3").first).to_have_text("baseline")
    page.go_back()
    expect(page.get_by_role("row", name=re.compile("heron-31"))).to_be_visible()


def test_the_baseline_and_the_runs_are_changed_with_the_mouse(page: Page, nest: Served) -> None:
    opened(page, nest)
    page.get_by_role("button", name="baseline heron-31").click()
    page.get_by_role("menuitemcheckbox", name="plover-07").click()
    expect(row(page, "acc").locator("td").nth(1)).to_contain_text("baseline")
    page.locator(".cmp-run", has_text="avocet-02").click()
    page.get_by_role("menuitem", name="Take away").click()
    expect(page.locator(".cmp-run")).to_have_text(["heron-31", "plover-07"])
    page.get_by_role("button", name="transpose").click()
    expect(page.get_by_role("columnheader", name="acc", exact=True)).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator(".cmp-run")).to_have_text(list(THREE))


def test_what_is_seen_is_copied_exactly(page: Page, nest: Served) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, nest)
    page.keyboard.press("c")
    expect(page.get_by_role("status").first).to_contain_text("copied as tab-separated text")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0] == "key\theron-31\tplover-07\tavocet-02"
    assert "metrics.acc\t0.9412\t0.9377\t0.812" in lines
    page.keyboard.press("t")
    page.keyboard.press("m")
    expect(page.get_by_role("status").first).to_contain_text("copied as Markdown")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("| key | metrics.f1 |")
    assert "| heron-31 |" in text


def test_images_stand_on_one_slider_and_texts_differ_line_by_line(
    page: Page, nest: Served, accessible: Callable[[Page], None]
) -> None:
    opened(page, nest)
    images = page.locator(".cmp-imgs")
    expect(images.get_by_role("heading", name="val/saliency")).to_be_visible()
    slider = page.get_by_role("slider", name="step")
    expect(slider).to_have_attribute("aria-valuetext", "step 9600")
    expect(images.get_by_text("step 3,200")).to_be_visible()
    first = images.locator("img").first
    assert first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 200
    page.keyboard.press("[")
    expect(slider).to_have_attribute("aria-valuetext", "step 6400")
    expect(first).to_have_attribute("alt", "val/saliency of heron-31, step 6400")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "step 1600")
    texts = page.get_by_role("region", name="Differences of texts")
    lines = texts.get_by_role("region", name="Lines of config.yaml that differ")
    expect(lines.locator(".mi")).to_have_text(
        ["-  mixup: 0.2", "-  specaug: {masks: 2, width: 24}"]
    )
    expect(lines.locator(".p")).to_have_text(["+  mixup: 0.1", "+  specaug: {masks: 1, width: 24}"])
    texts.get_by_role("combobox", name="Run").select_option(nest.ids["avocet-02"])
    expect(texts.get_by_text("git diff 4be01d700000 91c2aa000000")).to_be_visible()
    expect(texts.get_by_role("link", name="on github.com")).to_have_attribute(
        "href", re.compile(r"^https://github.com/birds/song/compare/4be01d7")
    )
    texts.get_by_role("combobox", name="Text").select_option("parameters")
    expect(texts.locator(".p", has_text="opt: sgd")).to_be_visible()
    accessible(page)


def test_numbers_that_are_none_and_names_that_are_markup_are_shown_as_they_are(
    page: Page, fresh: Served
) -> None:
    client = Client(fresh.url)
    names = ["<b>bold</b> & ünï", "x" * 250, "plain"]
    ids = []
    for name, value in zip(names, (math.nan, math.inf, 0.5), strict=True):
        run = client.create_run("0", run_name=name).info.run_id
        metrics = [Metric("acc", value, 1, 1)]
        if name == "plain":
            metrics.append(Metric("only this", 1, 1, 1))
        client.log_batch(run, metrics=metrics, params=[Param("p", f"<script>{name[:40]}")])
        ids.append(run)
    page.goto(f"{fresh.url}/compare?runs={','.join(ids)},{'0' * 32}")
    expect(page.get_by_role("rowheader", name="acc")).to_be_visible()
    assert [text.split()[0] for text in cells(page, "acc")] == ["NaN", "inf", ".5000"]
    expect(page.locator(".cmp-run").first).to_have_text("<b>bold</b> & ünï")
    expect(row(page, "p").locator("td").first).to_have_text("<script><b>bold</b> & ünï")
    expect(row(page, "only this").locator("td").first).to_contain_text(NOTHING)
    expect(page.get_by_text("1 run not found:")).to_be_visible()
    page.get_by_role("button", name="take away").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("compare 3 runs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_a_hundred_runs_with_many_keys_are_a_window(page: Page, fresh: Served) -> None:
    client = Client(fresh.store)
    ids = []
    for number in range(100):
        run = client.create_run("0", run_name=f"run-{number}").info.run_id
        metrics = [Metric(f"m/{key}", number * key / 7, 1, 1) for key in range(300)]
        client.log_batch(run, metrics=metrics)
        ids.append(run)
    page.goto(f"{fresh.url}/compare?runs={','.join(ids)},{'a' * 32}")
    expect(page.get_by_text("The first 100 of 101 runs are compared.")).to_be_visible()
    expect(page.locator(".cmp-run")).to_have_count(100)
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", re.compile("^30[0-9]$"))
    assert page.locator(".cmp tbody tr").count() < 90
    page.locator(".cmp-grid").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(page.get_by_role("rowheader", name="started")).to_be_visible()
    assert page.locator(".cmp tbody tr").count() < 90


def test_a_failure_says_what_to_do_and_what_was_read_stays(page: Page, nest: Served) -> None:
    opened(page, nest)

    def fail(route: Route) -> None:
        body = '{"error_code": "INTERNAL_ERROR", "message": "The disk is full."}'
        route.fulfill(status=507, body=body, headers={"x-request-id": "r-1"})

    page.route("**/runs/compare?**", fail)
    page.keyboard.press("d")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The runs could not be compared")
    expect(alert).to_contain_text("The disk is full.")
    expect(alert).to_contain_text("request r-1")
    expect(row(page, "acc")).to_be_visible()
    page.unroute("**/runs/compare?**")
    page.keyboard.press("r")
    expect(row(page, "seed")).to_be_attached()
    expect(alert).to_have_count(0)


def test_without_runs_it_says_how_to_find_them_and_one_run_is_shown_whole(
    page: Page, nest: Served
) -> None:
    page.goto(f"{nest.url}/compare")
    expect(page.get_by_role("heading", name="No runs to compare")).to_be_visible()
    page.get_by_role("button", name="add one here").click()
    page.get_by_role("combobox", name="Run").fill("heron")
    page.get_by_role("option", name="heron-31").click()
    expect(row(page, "seed")).to_be_attached()
    expect(page.locator(".cmp .del")).to_have_count(0)


def test_a_phone_reads_it(phone: Page, nest: Served, accessible: Callable[[Page], None]) -> None:
    opened(phone, nest)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(row(phone, "acc").locator("td").first).to_contain_text(".9412")
    accessible(phone)


def test_versions_are_compared_by_their_runs_and_signatures(page: Page, nest: Served) -> None:
    page.goto(f"{nest.url}/models/birdsong")
    page.get_by_role("checkbox", name="Pick v7").check()
    page.get_by_role("checkbox", name="Pick v5").check()
    page.keyboard.press("c")
    expect(page.locator(".cmp-run")).to_have_text(["curlew-12", "dotterel-14"])
    texts = page.get_by_role("region", name="Differences of texts")
    texts.scroll_into_view_if_needed()
    lines = texts.locator(".p")
    expect(lines).to_have_text([f"+  {NOTHING}: float32 (n {BY} 64 {BY} 64)"])
