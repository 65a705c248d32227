"""Prompts: written, tried on models of a gateway, saved with their runs, compared and promoted."""

from __future__ import annotations

import os
import re
import signal
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
from upstream_fake import paused

MLFLOW = "/api/2.0/mlflow"
Check = Callable[[Page], None]


@frozen
class House:
    """A server with prompts and users, and the vendor behind its gateway."""

    served: Served
    upstream: FakeUpstream

    def get(self, path: str, **fields: Any) -> Any:
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
        ids = scribes.fill(f"sqlite:{place}/s.db")
        yield House(stack.enter_context(serving(place, ids=ids)), upstream)


def answer(page: Page, model: str) -> Any:
    return page.get_by_role("group", name=f"Answer of {model}", exact=True)


def version_of(house: House, name: str, number: str) -> tuple[dict[str, Any], dict[str, str]]:
    found = house.get(f"{MLFLOW}/model-versions/get", name=name, version=number)["model_version"]
    return found, {tag["key"]: tag["value"] for tag in found["tags"]}


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
