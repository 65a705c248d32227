"""The page of the gateway: numbers of real calls, states, keys, the last calls, and asking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gatehouse
import pytest
import requests
from conftest import PHONE, Served, serving
from gatehouse import FakeUpstream, seen_by
from playwright.sync_api import Browser, Page, expect
from upstream_fake import failing, held, paused, rate

API = "/api/pegboard/1.0/gateway"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Served]:
    """Serve endpoints to everybody: a server without users."""
    gatehouse.configure(tmp_path, upstream.url)
    with serving(tmp_path) as served:
        yield served


@pytest.fixture
def guarded(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Served]:
    """Serve them to users: root, ann who may write, bob who may read."""
    gatehouse.configure(tmp_path, upstream.url, head=gatehouse.users(tmp_path))
    with serving(tmp_path) as served:
        yield served


def ask(served: Served, model: str = "agents", **more: Any) -> requests.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 6}
    return requests.post(f"{served.url}/v1/chat/completions", json=body, timeout=30, **more)


def row(page: Page, table: str, text: str) -> Any:
    return page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text).first


def test_calls_come_by_themselves_with_what_they_met(
    page: Page, gateway: Served, upstream: FakeUpstream, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{gateway.url}/gateway")
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    expect(page.get_by_role("region", name="A first call")).to_contain_text(
        f"curl {gateway.url}/v1/chat/completions"
    )
    accessible(page)
    # One is limited and falls back, one goes straight, one finds nobody.
    upstream.always(failing(500), model="sparrow-3b")
    upstream.next(rate())
    for model in ("agents", "summarise", "sandbox"):
        ask(gateway, model)
    live = page.get_by_role("table", name="Last calls").get_by_role("row")
    expect(live.filter(has_text="fallback")).to_contain_text("tern-70b: 429, too many calls")
    expect(live.filter(has_text="error")).to_contain_text("500")
    agents = row(page, "Endpoints", "agents")
    expect(agents).to_contain_text("finch-8b")
    expect(agents.get_by_role("cell").nth(4)).to_have_text("1")
    expect(agents.get_by_role("cell").nth(8)).to_have_text("100 %")
    expect(page.get_by_role("meter", name=re.compile("^Spent in"))).to_have_attribute(
        "aria-valuetext", re.compile(r"^\$0\.00\d+ of \$600$")
    )
    accessible(page)


def test_the_span_the_order_and_the_words_are_in_the_address(
    page: Page, gateway: Served, upstream: FakeUpstream
) -> None:
    for model in ("summarise", "agents", "agents"):
        assert ask(gateway, model).ok
    page.goto(f"{gateway.url}/gateway?q=tern-70b&sort=-calls&span=1h")
    rows = page.get_by_role("table", name="Endpoints").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("agents")
    expect(page.get_by_role("columnheader", name="count")).to_have_attribute(
        "aria-sort", "descending"
    )
    live = page.get_by_role("table", name="Last calls").get_by_role("row")
    expect(live).to_have_count(3)
    page.keyboard.press("3")
    expect(page).to_have_url(re.compile("span=7d"))
    expect(page.get_by_role("columnheader", name="requests, 7 d")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("finch-8b ok")
    expect(rows).to_have_count(1)
    expect(live).to_have_count(2)
    page.get_by_role("button", name="Show all", exact=True).click()
    expect(rows).to_have_count(7)
    page.get_by_role("button", name="endpoint").click()
    expect(page).to_have_url(re.compile("sort=name"))
    expect(rows.nth(1)).to_contain_text("agents")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=agents"))
    expect(rows).to_have_count(2)


def test_rows_stay_under_the_pointer(page: Page, gateway: Served) -> None:
    assert ask(gateway).ok
    page.goto(f"{gateway.url}/gateway")
    live = page.get_by_role("table", name="Last calls").get_by_role("row")
    expect(live).to_have_count(2)
    live.nth(1).hover()
    assert ask(gateway, "summarise").ok
    new = page.get_by_role("button", name="1 new")
    expect(new).to_be_visible()
    expect(live).to_have_count(2)
    new.click()
    expect(live).to_have_count(3)
    expect(live.nth(1)).to_contain_text("summarise")


def test_a_target_that_is_left_alone_and_a_wrong_configuration_are_told(
    page: Page, gateway: Served, upstream: FakeUpstream, tmp_path: Path
) -> None:
    upstream.always(failing(500), model="tern-70b")
    for _ in range(3):
        assert ask(gateway).ok
    page.goto(f"{gateway.url}/gateway")
    state = row(page, "Endpoints", "agents").get_by_role("cell").nth(2)
    expect(state).to_have_text("1 of 2 left alone")
    expect(state).to_have_attribute("title", re.compile(r"tern-70b left alone \dm: failed"))
    upstream.always(failing(500), model="finch-8b")
    for _ in range(2):
        ask(gateway, "summarise")
    expect(row(page, "Endpoints", "summarise").get_by_role("cell").nth(2)).to_have_text(
        re.compile("^left alone")
    )
    (tmp_path / "pegboard.toml").write_text("[[gateway.endpoints]]\nname = 'a b'\n")
    expect(page.get_by_role("alert")).to_contain_text("The configuration is wrong")
    expect(row(page, "Endpoints", "agents")).to_be_visible()


def test_an_answer_is_streamed_counted_and_stopped(
    page: Page, gateway: Served, upstream: FakeUpstream, accessible: Callable[[Page], None]
) -> None:
    page.goto(f"{gateway.url}/gateway")
    page.get_by_role("link", name="Try agents").click()
    box = page.get_by_role("complementary", name="Try it")
    expect(box.get_by_role("combobox", name="Endpoint")).to_have_value("agents")
    # What makes vectors cannot be asked.
    expect(box.get_by_role("option", name="embed")).to_have_count(0)
    box.get_by_role("textbox", name="Message").fill("Who are you?")
    page.keyboard.press("Control+Enter")
    answer = box.get_by_role("region", name="The answer")
    expect(answer).to_have_text("Hello from the fake model.")
    took = box.get_by_role("group", name="What it took")
    expect(took).to_contain_text("7 in, 6 out")
    expect(took).to_contain_text(re.compile(r"first token[\d.]+ s"))
    # 7 tokens at 22 dollars a million, 6 at 44.
    expect(took).to_contain_text("$0.0004")
    expect(took).to_contain_text("tern-70b")
    assert upstream.requests[-1].json["messages"] == [{"role": "user", "content": "Who are you?"}]
    accessible(page)

    upstream.next(paused(2))
    box.get_by_role("button", name="Send").click()
    expect(answer).to_have_text("Hello from")
    box.get_by_role("button", name="Stop").click()
    expect(box.get_by_role("status")).to_have_text("Stopped. What had come is counted.")
    expect(answer).to_have_text("Hello from")
    assert upstream.requests[-1].gone.wait(30)
    expect(row(page, "Last calls", "gone")).to_contain_text("agents")

    upstream.always(failing(400, "Too odd."))
    page.keyboard.press("Control+Enter")
    expect(box.get_by_role("alert")).to_contain_text("No answer")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)


def test_leaving_the_box_ends_the_call(page: Page, gateway: Served, upstream: FakeUpstream) -> None:
    page.goto(f"{gateway.url}/gateway")
    page.get_by_role("table", name="Endpoints").wait_for()
    page.keyboard.press("t")
    upstream.next(held())
    page.keyboard.press("Control+Enter")
    upstream.wait_for_requests(1)
    page.get_by_role("button", name="close").click()
    assert upstream.requests[-1].gone.wait(30)


def test_a_key_is_shown_once_works_and_is_revoked(
    chromium: Browser, guarded: Served, accessible: Callable[[Page], None]
) -> None:
    with seen_by(chromium, "root") as page:
        page.goto(f"{guarded.url}/gateway")
        page.get_by_role("link", name="keys").click()
        expect(page.get_by_role("heading", name="No keys yet")).to_be_visible()
        page.keyboard.press("n")
        form = page.get_by_role("dialog", name="New key")
        form.get_by_label("Name").fill("notebook")
        form.get_by_label("Limits").fill("fast")
        form.get_by_role("button", name="Make it").click()
        expect(page.get_by_text("The key was not made")).to_be_visible()
        page.keyboard.press("n")
        for label, text in (
            ("Name", "notebook"), ("User", "ann"), ("For these", "agents, rag-*"),
            ("Limits", "100/minute"), ("Budget", "10 USD/month"),
        ):  # fmt: skip
            form.get_by_label(label).fill(text)
        form.get_by_label("Ends").select_option("in 30 days")
        accessible(page)
        form.get_by_role("button", name="Make it").click()
        shown = page.get_by_role("dialog", name="The new key")
        key = shown.locator("code").inner_text()
        assert key.startswith("pgk_")
        accessible(page)
        bearer = {"Authorization": f"Bearer {key}"}
        assert ask(guarded, headers=bearer).ok
        assert ask(guarded, "summarise", headers=bearer).status_code == 404
        shown.get_by_role("button", name="I have it").click()
        line = row(page, "Keys of clients", "notebook")
        expect(line).to_contain_text("agents, rag-*")
        expect(line).to_contain_text("100/minute, 10 USD/month")
        page.reload()
        # What was refused is a call too.
        expect(line.get_by_role("cell").nth(5)).to_have_text("2")
        assert key not in page.content()
        accessible(page)
        line.get_by_role("button", name="Revoke notebook").click()
        page.get_by_role("textbox").fill("notebook")
        page.get_by_role("button", name="Revoke for ever").click()
        expect(line).to_contain_text("revoked")
        expect(page.get_by_role("button", name="Revoke notebook")).to_have_count(0)
        page.goto(f"{guarded.url}/gateway")
        expect(row(page, "Last calls", "agents")).to_contain_text("notebook")
    keys = requests.get(
        f"{guarded.url}{API}/keys", headers=gatehouse.headers("root"), timeout=30
    ).json()["keys"]
    assert [each["revoked_at"] is not None for each in keys] == [True]


def test_a_reader_has_no_button_that_fails_and_a_phone_reads(
    chromium: Browser, guarded: Served, accessible: Callable[[Page], None]
) -> None:
    assert ask(guarded, headers=gatehouse.headers("ann")).ok
    with seen_by(chromium, "bob", PHONE) as page:
        page.goto(f"{guarded.url}/gateway")
        expect(row(page, "Endpoints", "agents")).to_be_visible()
        expect(row(page, "Last calls", "agents")).to_be_visible()
        assert "ann" not in page.locator("main").inner_text().split()
        for name in (re.compile("^keys"), re.compile("^try")):
            expect(page.get_by_role("link", name=name)).to_have_count(0)
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        accessible(page)
        page.goto(f"{guarded.url}/gateway?try=agents")
        expect(row(page, "Endpoints", "agents")).to_be_visible()
        expect(page.get_by_role("complementary", name="Try it")).to_have_count(0)
        page.goto(f"{guarded.url}/gateway/keys")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    with seen_by(chromium, "ann", PHONE) as page:
        page.goto(f"{guarded.url}/gateway?try=agents")
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        accessible(page)


def test_callers_without_a_name_give_a_key(
    page: Page, gateway: Served, tmp_path: Path, upstream: FakeUpstream
) -> None:
    gatehouse.keys(tmp_path)
    page.goto(f"{gateway.url}/gateway?try=agents")
    box = page.get_by_role("complementary", name="Try it")
    box.get_by_label("Key of the gateway").fill("pgk_wrong")
    page.keyboard.press("Control+Enter")
    expect(box.get_by_role("alert")).to_contain_text("key")
    # That the key is wrong does not mean that one has to log in.
    expect(page).to_have_url(re.compile("/gateway"))
    assert upstream.requests == []


def test_without_the_plugin_there_is_no_page(page: Page, tmp_path: Path) -> None:
    (tmp_path / "pegboard.toml").write_text('[pegboard]\ndisabled = ["gateway"]\n')
    with serving(tmp_path) as served:
        page.goto(served.url)
        expect(page.get_by_role("link", name="Models")).to_be_visible()
        expect(page.get_by_role("link", name="Gateway")).to_have_count(0)
        page.goto(f"{served.url}/gateway")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        page.goto("about:blank")


def test_without_endpoints_it_says_how_to_make_one(
    page: Page, tmp_path: Path, upstream: FakeUpstream, accessible: Callable[[Page], None]
) -> None:
    (tmp_path / "pegboard.toml").write_text('[pegboard]\ndisabled = ["llamacpp"]\n')
    with serving(tmp_path) as served:
        page.goto(f"{served.url}/gateway")
        expect(page.get_by_role("heading", name="No endpoints yet")).to_be_visible()
        expect(page.get_by_role("region", name="An endpoint in pegboard.toml")).to_contain_text(
            "[[gateway.endpoints]]"
        )
        accessible(page)
        gatehouse.configure(tmp_path, upstream.url)
        expect(row(page, "Endpoints", "agents")).to_be_visible()
        page.goto("about:blank")
