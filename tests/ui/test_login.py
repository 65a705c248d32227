"""Users of a server: the way in, the way out, and no buttons that would be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import birdsong
import pytest
from pegboard_server import users
from pegboard_wire.http import Permission
from playwright.sync_api import Page, expect

PASSWORD = "a long secret"


@pytest.fixture
def guarded(tmp_path: Path, serve: Any) -> Iterator[Any]:
    """Serve a store to ann, who reads, and bob, who deletes."""
    known = [
        users.Credential(name, level, users.password_hash(PASSWORD))
        for name, level in (("ann", Permission.READ), ("bob", Permission.DELETE))
    ]
    users.write(tmp_path / "users", known)
    (tmp_path / "pegboard.toml").write_text('[plugins.server]\nusers_file = "users"\n')
    ids = birdsong.fill(f"sqlite:{tmp_path}/s.db")
    with serve(tmp_path, ids=ids) as served:
        yield served


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password, or a token").fill(password)
    page.keyboard.press("Enter")


def test_who_is_not_known_logs_in_and_arrives_where_the_link_led(
    page: Page, guarded: Any, accessible: Callable[[Page], None]
) -> None:
    place = f"{guarded.url}/experiments/{guarded.ids['tiny-lm-pretrain']}?sort=metrics.auc"
    page.goto(place)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    accessible(page)
    log_in(page, "ann", "wrong password")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
    log_in(page, "ann")
    expect(page).to_have_url(place)
    expect(page.locator(".body .row")).to_have_count(6)
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out ann").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(place)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_who_may_only_read_sees_no_button_that_would_fail(page: Page, guarded: Any) -> None:
    page.goto(f"{guarded.url}/experiments/{guarded.ids['tiny-lm-pretrain']}")
    log_in(page, "ann")
    expect(page.locator(".body .row")).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("Space")
    foot = page.locator(".foot")
    expect(foot).to_contain_text("1 picked")
    for word in ("tag", "pin", "delete"):
        expect(foot.get_by_role("button", name=word)).to_have_count(0)
    page.keyboard.press("Delete")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).not_to_contain_text("Delete")
    expect(page.locator(".body .row")).to_have_count(6)


def test_a_session_that_ended_leads_to_the_way_in(page: Page, guarded: Any) -> None:
    page.goto(f"{guarded.url}/experiments/{guarded.ids['tiny-lm-pretrain']}")
    log_in(page, "bob")
    expect(page.locator(".body .row")).to_have_count(6)
    page.context.clear_cookies()
    # Whatever is asked for next; what the page asks by itself may be the first.
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
