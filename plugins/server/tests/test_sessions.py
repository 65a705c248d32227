"""Sessions of browsers: who gets one, what it is worth, and what ends it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard_server import users
from pegboard_server.sessions import SECONDS, Sessions, cookie, cookie_name
from pegboard_wire.http import Permission

from .conftest import SECONDS as WAIT
from .conftest import Reply, Server, Start

CONFIG = '[plugins.server]\nusers_file = "users"\n'
PASSWORD = "a long secret"
SESSION = "/api/pegboard/1.0/session"
READ = "/api/probe/quick"


def line(name: str, level: Permission, password: str = PASSWORD) -> users.Credential:
    return users.Credential(name, level, users.password_hash(password))


@pytest.fixture
def guarded(start: Start, tmp_path: Path) -> Server:
    """Return a server that knows ann (read) and bob (delete)."""
    known = [line("ann", Permission.READ), line("bob", Permission.DELETE)]
    users.write(tmp_path / "users", known)
    return start(config=CONFIG)


def log_in(server: Server, name: str, password: str = PASSWORD, **more: str) -> Reply:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return server("POST", SESSION, headers={"Authorization": f"Basic {pair}", **more})


def cookie_of(reply: Reply) -> dict[str, str]:
    return {"Cookie": reply.headers["set-cookie"].partition(";")[0]}


def until(holds: Callable[[], bool]) -> None:
    """Wait for a change of the file to be seen, which is looked for once a second."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_session_gives_just_what_the_user_may(guarded: Server) -> None:
    ann, bob = (cookie_of(log_in(guarded, name)) for name in ("ann", "bob"))
    assert guarded("GET", READ, headers=ann).status == 200
    make = ("POST", "/api/probe/quick", {"name": "x"})
    assert guarded(*make, headers=ann).status == 403
    assert guarded(*make, headers=bob).status == 200
    assert log_in(guarded, "ann").json == {"name": "ann", "permissions": ["public", "read"]}


def test_scripts_of_pages_cannot_read_the_cookie_and_other_sites_cannot_send_it(
    guarded: Server,
) -> None:
    said = log_in(guarded, "ann").headers["set-cookie"]
    _, *flags = said.split("; ")
    assert flags == [f"Max-Age={SECONDS}", "Path=/", "HttpOnly", "SameSite=Strict"]


def test_behind_https_and_below_a_path_the_cookie_stays_there() -> None:
    flags = cookie("x", "runs.example", "/team/ml", secure=True).split("; ")
    assert flags[0] == "pegboard=x"
    assert {"Path=/team/ml", "Secure"} <= set(flags)
    assert cookie("", "h", "", secure=False).split("; ")[1:3] == ["Max-Age=0", "Path=/"]


def test_servers_on_two_ports_of_a_machine_do_not_share_a_cookie() -> None:
    hosts = ["h", "h:5000", "h:5001", "[::1]", "[::1]:5000", "h:x"]
    names = ["pegboard", "pegboard-5000", "pegboard-5001", "pegboard", "pegboard-5000", "pegboard"]
    assert list(map(cookie_name, hosts)) == names


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_who_has_the_wrong_password_gets_none(guarded: Server, name: str) -> None:
    answer = log_in(guarded, name, "wrong password")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_without_a_name_and_password_nobody_gets_one(guarded: Server) -> None:
    assert guarded("POST", SESSION).status == 401
    own = cookie_of(log_in(guarded, "ann"))
    # A session makes no other one, so that it cannot be drawn out for ever.
    assert guarded("POST", SESSION, headers=own).code == "INVALID_STATE"


def test_the_page_is_told_without_the_browsers_own_dialog(guarded: Server) -> None:
    plain = guarded("GET", READ)
    assert "Basic" in plain.headers["www-authenticate"]
    page = guarded("GET", READ, headers={"X-Requested-With": "pegboard"})
    assert page.status == 401
    assert "www-authenticate" not in page.headers


def test_another_site_can_neither_log_in_nor_out(guarded: Server) -> None:
    elsewhere = {"Origin": "http://elsewhere.example"}
    assert log_in(guarded, "ann", **elsewhere).status == 403
    own = cookie_of(log_in(guarded, "ann"))
    assert guarded("DELETE", SESSION, headers={**own, **elsewhere}).status == 403
    assert guarded("GET", READ, headers=own).status == 200


def test_a_session_ends_when_it_is_ended(guarded: Server) -> None:
    own, other = cookie_of(log_in(guarded, "ann")), cookie_of(log_in(guarded, "ann"))
    answer = guarded("DELETE", SESSION, headers=own)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert guarded("GET", READ, headers=own).status == 401
    assert guarded("GET", READ, headers=other).status == 200


@pytest.mark.parametrize("after", [[], [line("ann", Permission.READ, "another secret")]])
def test_a_session_ends_with_the_user_and_with_the_password(
    guarded: Server, tmp_path: Path, after: list[users.Credential]
) -> None:
    own = cookie_of(log_in(guarded, "ann"))
    users.write(tmp_path / "users", [line("bob", Permission.DELETE), *after])
    until(lambda: guarded("GET", READ, headers=own).status == 401)


def test_who_is_given_less_has_less_at_once(guarded: Server, tmp_path: Path) -> None:
    own = cookie_of(log_in(guarded, "bob"))
    lines = users.read(tmp_path / "users")
    fewer = [users.Credential(e.name, Permission.READ, e.secret) for e in lines]
    users.write(tmp_path / "users", fewer)
    make = ("POST", "/api/probe/quick")
    until(lambda: guarded(*make, {"name": "y"}, headers=own).status == 403)


def test_a_token_opens_a_session_too(start: Start, tmp_path: Path) -> None:
    token = users.new_token()
    known = [users.Credential("ci", Permission.WRITE, users.token_hash(token))]
    users.write(tmp_path / "users", known)
    server = start(config=CONFIG)
    own = cookie_of(log_in(server, "", token))
    assert server("GET", READ, headers=own).status == 200


def test_nobody_makes_a_session_of_another_server_or_changes_one() -> None:
    ours, theirs = Sessions("k1"), Sessions("k2")
    for made, reads in ((ours, True), (theirs, False)):
        headers = {b"host": b"h", b"cookie": f"a=b; pegboard={made.begin('ann', 's')}".encode()}
        session = ours.read(headers)
        assert session is not None
        assert (ours.verified(session, ["other", "s"]) == "s") is reads
        assert ours.verified(session, ["other"]) is None


@pytest.mark.parametrize("value", ["", "x", "é", "====", "Og==", "MTo6Og", "A" * 9000])
def test_a_cookie_that_is_none_of_ours_is_nobodys(value: str) -> None:
    headers = {b"host": b"h", b"cookie": f"pegboard={value}".encode()}
    session = Sessions("k").read(headers)
    assert session is None or Sessions("k").verified(session, ["s"]) is None


def test_a_changed_name_or_time_is_refused() -> None:
    sessions = Sessions("k")
    value = sessions.begin("ann", "s")
    text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    expires, nonce, name, signature = text.split(":")
    later = str(int(expires) + 1)
    for changed in ((later, nonce, name), (expires, nonce, "bob"), (expires, "0", name)):
        forged = base64.urlsafe_b64encode(":".join([*changed, signature]).encode()).decode()
        session = sessions.read({b"host": b"h", b"cookie": b"pegboard=" + forged.encode()})
        assert session is not None
        assert sessions.verified(session, ["s"]) is None


def test_a_session_that_is_over_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions("k")
    headers = {b"host": b"h", b"cookie": f"pegboard={sessions.begin('ann', 's')}".encode()}
    assert sessions.read(headers) is not None
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert sessions.read(headers) is None
