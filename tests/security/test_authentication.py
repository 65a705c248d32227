"""AUTH: who may come in, and what they may do."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pegboard_server import authentication, users
from pegboard_server.failures import Failure
from pegboard_server.throttle import OF_CLIENT, Throttle
from pegboard_ui.site import PLACES
from served import serving
from target import (
    API,
    FILES,
    PROXY,
    SECONDS,
    Target,
    basic,
    bearer,
    pegboard,
    refused,
    token_of,
)

from .conftest import LEVELS, PASSWORD, Guarded

GET = f"{API}/experiments/get?experiment_id=0"
PUBLIC = {"/health", "/version", f"{FILES}/mpu/part", "/api/3.0/mlflow/server-info"}
PUBLIC |= {"/api/pegboard/1.0/abilities"}
# The page with the way in, which tells nothing of the store, and the end of a session.
PUBLIC |= {"/", "/assets/{path}", "/api/pegboard/1.0/ui/pages", "/api/pegboard/1.0/session"}
PUBLIC |= {f"/{place}{rest}" for place in PLACES for rest in ("", "/{path}")}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "127.0.0.1.nip.io"])
def test_auth_1_without_users_it_listens_on_this_machine_only(tmp_path: Path, host: str) -> None:
    command = str(Path(sys.executable).with_name("pegboard"))
    words = ["server", "--store", f"sqlite:{tmp_path}/s.db", "--port", "0", "--host", host]
    done = subprocess.run(
        [command, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert "could read and change everything" in done.stderr


def operations(guarded: Guarded) -> list[tuple[str, str, str]]:
    """Return the method, a path and the permission of all that is served."""
    document = guarded.target("GET", "/openapi.json", headers=bearer(guarded.tokens["admin"])).json
    found = [
        (method.upper(), path, str(operation["x-permission"]))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(found) > 90
    return found


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "x", path)


def test_auth_2_nothing_is_open_to_nobody_unless_it_says_so(guarded: Guarded) -> None:
    for method, path, permission in operations(guarded):
        if permission == "public":
            assert path in PUBLIC
            continue
        for prefix in ("/api/", "/ajax-api/", "/%61pi/"):
            asked = re.sub("^/api/", prefix, filled(path))
            reply = guarded.target(method, asked, body=b"{}")
            assert reply.status in (401, 404), (method, asked)
        assert guarded.target(method, filled(path), body=b"{}").status == 401


@pytest.mark.parametrize("path", ["/health/../api", "//health", "/health;/api", "/health%2f..%2fx"])
def test_auth_2_no_way_around_leads_past_the_door(guarded: Guarded, path: str) -> None:
    reply = guarded.target("GET", f"{path}{GET.removeprefix('/api')}")
    assert reply.status in (401, 404)


WRONG = {
    "password": basic("ann", "wrong"),
    "no password": basic("ann", ""),
    "unknown name": basic("nobody", PASSWORD),
    "no name": basic("", PASSWORD),
    "default of MLflow": basic("admin", "password1234"),
    "token": bearer("peg_wrong"),
    "no token": bearer(""),
    "hash of a token": bearer(f"sha256${'0' * 64}"),
    "no base64": {"Authorization": "Basic ???"},
    "no UTF-8": {"Authorization": "Basic //4="},
    "no value": {"Authorization": "Basic"},
    "empty": {"Authorization": ""},
    "another scheme": {"Authorization": "Digest username=ann"},
    "NUL": basic("ann\0", PASSWORD),
    "case": basic("ANN", PASSWORD),
}


@pytest.mark.parametrize("name", WRONG)
def test_auth_3_wrong_credentials_open_nothing_even_what_is_open(
    guarded: Guarded, name: str
) -> None:
    for path in (GET, "/health"):
        reply = guarded.target("GET", path, headers=WRONG[name])
        assert reply.status in (401, 429)
        assert reply.json["error_code"] in ("UNAUTHENTICATED", "REQUEST_LIMIT_EXCEEDED")


def test_auth_3_credentials_elsewhere_than_in_their_header_count_for_nothing(
    guarded: Guarded,
) -> None:
    token = guarded.tokens["admin"]
    for path, headers in (
        (f"{GET}&access_token={token}&token={token}", {}),
        (GET, {"Cookie": f"session={token}; Authorization=Bearer {token}"}),
        (GET, {"X-Forwarded-User": "u-admin", "Remote-User": "u-admin"}),
        (GET, {"X-Authorization": f"Bearer {token}", "Proxy-Authorization": f"Bearer {token}"}),
    ):
        assert guarded.target("GET", path, headers=headers).status == 401


@pytest.fixture
def fresh(tmp_path: Path) -> Guarded:
    """Return what a server of one's own starts with, for tests that spoil it."""
    users_file = tmp_path / "users"
    token = token_of(users_file, "reader", "read")
    return Guarded(Target("", tmp_path), users_file, {"read": token})


def test_auth_4_guessing_is_slowed_down_also_many_at_once(fresh: Guarded) -> None:
    place = fresh.target.place
    with serving(place, "--users", str(fresh.users)) as url:
        target = Target(url, place)

        def guess(number: int) -> int:
            return target("GET", GET, headers=basic("reader", f"guess {number}")).status

        with ThreadPoolExecutor(24) as pool:
            statuses = list(pool.map(guess, range(40)))
        assert statuses.count(401) <= 10
        assert set(statuses) == {401, 429}
        # Who has a token is not kept out by that.
        assert target("GET", GET, headers=bearer(fresh.tokens["read"])).status == 200


def test_auth_4_many_with_the_right_password_come_in_together(fresh: Guarded) -> None:
    words = ("server", "user", "add", "ann", "--users", str(fresh.users), "--password-stdin")
    pegboard(*words, stdin=f"{PASSWORD}\n")
    place = fresh.target.place
    with serving(place, "--users", str(fresh.users)) as url:
        target = Target(url, place)
        with ThreadPoolExecutor(24) as pool:
            asked = [
                pool.submit(target, "GET", GET, headers=basic("ann", PASSWORD)) for _ in range(60)
            ]
        assert {each.result().status for each in asked} == {200}


def test_auth_4_one_password_for_many_names_is_guessing_too() -> None:
    throttle = Throttle()
    for number in range(OF_CLIENT):
        throttle.take("client", f"name{number}")
    with pytest.raises(Failure):
        throttle.take("client", "another name")
    throttle.take("another client", "another name")
    throttle.forgive("client", "name1")
    throttle.take("client", "name1")


def test_auth_5_names_cannot_be_found_out(guarded: Guarded) -> None:
    known = guarded.target("GET", GET, headers=basic("ann", "not it"))
    unknown = guarded.target("GET", GET, headers=basic("nobody at all", "not it"))
    assert (known.status, known.text) == (unknown.status, unknown.text)
    # One that is not known takes the same work.
    work = [kept.split("$")[:4] for kept in (authentication._UNKNOWN, users.password_hash("x" * 8))]
    assert work[0] == work[1]
    assert not users.is_password("", authentication._UNKNOWN)


def test_auth_6_no_level_has_a_permission_of_a_higher_one(guarded: Guarded) -> None:
    """CVE-2024-4263."""
    for method, path, permission in operations(guarded):
        if permission == "public":
            continue
        # Keys of the gateway call models too, and nothing else; of users those who may write do.
        least = "write" if permission == "invoke" else permission
        for level in LEVELS[: LEVELS.index(least)]:
            headers = bearer(guarded.tokens[level])
            reply = guarded.target(method, filled(path), body=b"{}", headers=headers)
            assert reply.status == 403, path
            if permission != "invoke":
                assert reply.json["error_code"] == "PERMISSION_DENIED", path


def test_auth_6_asking_is_no_right_to_change(guarded: Guarded) -> None:
    changing = re.compile(r"create|delete|update|set-|log-|rename|restore|upload|complete|abort")
    for method, path, permission in operations(guarded):
        if method in ("PUT", "PATCH", "DELETE") or changing.search(path):
            assert permission not in ("read",) or method == "GET", path
        if method == "GET" and permission not in ("public", "read", "invoke"):
            # How the gateway is set up is nothing for those who only call it.
            if permission == "admin" and "/gateway/" in path:
                continue
            # The second calls the gates of a move, which are code of plugins.
            assert path in (f"{FILES}/mpu/parts", "/api/pegboard/1.0/registry/check")


@pytest.mark.parametrize("level", ["read", "write", "delete"])
def test_auth_6_webhooks_are_for_administrators(guarded: Guarded, level: str) -> None:
    headers = bearer(guarded.tokens[level])
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    hook = {"name": "x", "url": "https://example.org/", "events": [event]}
    for method, path, fields in (
        ("POST", f"{API}/webhooks", hook),
        ("GET", f"{API}/webhooks", None),
        ("POST", f"{API}/webhooks/x/test", {}),
        ("DELETE", f"{API}/webhooks/x", None),
    ):
        assert guarded.target(method, path, fields, headers=headers).status == 403


@pytest.mark.parametrize("path", ["/signup", f"{API}/users/create", f"{API}/users/update-admin"])
def test_auth_7_nobody_becomes_a_user_by_request(guarded: Guarded, path: str) -> None:
    """CVE-2023-6014."""
    fields = {"username": "me", "password": "long enough, and mine", "is_admin": True}
    for headers in ({}, bearer(guarded.tokens["admin"])):
        assert guarded.target("POST", path, fields, headers=headers).status in (401, 404)
    assert "me:" not in guarded.users.read_text()


def test_auth_8_the_file_of_users_is_private_and_holds_no_secret(guarded: Guarded) -> None:
    assert stat.S_IMODE(guarded.users.stat().st_mode) == 0o600
    text = guarded.users.read_text()
    for secret in (PASSWORD, *guarded.tokens.values()):
        assert secret not in text
    kept = next(each.secret for each in users.read(guarded.users) if each.name == "ann")
    assert int(kept.split("$")[1]) >= 2**14


def test_auth_8_a_file_of_users_that_is_broken_lets_nobody_in(fresh: Guarded) -> None:
    place, headers = fresh.target.place, bearer(fresh.tokens["read"])
    with serving(place, "--users", str(fresh.users)) as url:
        target = Target(url, place)
        assert target("GET", GET, headers=headers).status == 200
        text = fresh.users.read_text()
        fresh.users.write_text("a slip of the pen\n")
        assert until(lambda: target("GET", GET, headers=headers).status, 500)
        time.sleep(1.5)  # Longer than it waits to look again.
        assert {target("GET", GET, headers=headers).status for _ in range(5)} == {500}
        fresh.users.unlink()
        assert target("GET", GET, headers=headers).status == 500
        fresh.users.write_text(text)
        assert until(lambda: target("GET", GET, headers=headers).status, 200)


def until(ask: object, wanted: int) -> bool:
    deadline = time.monotonic() + SECONDS
    assert callable(ask)
    while ask() != wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("upload", ["", "x", "../x", "A" * 32, "..%2f" * 8, "%00" * 32])
def test_auth_9_a_part_of_an_upload_needs_its_secret(guarded: Guarded, upload: str) -> None:
    part = f"{FILES}/mpu/part?upload_id={upload}&part_number=1"
    refused(guarded.target("PUT", part, body=b"planted"))


def test_auth_9_the_secret_of_an_upload_opens_nothing_else(guarded: Guarded) -> None:
    headers = bearer(guarded.tokens["write"])
    create = f"{FILES}/mpu/create/a"
    upload = guarded.target("POST", create, {"path": "a"}, headers=headers).json["upload_id"]
    assert len(upload) >= 32
    for method, path in (
        ("GET", f"{FILES}/mpu/parts?upload_id={upload}"),
        ("POST", f"{FILES}/mpu/complete/a?upload_id={upload}&path=a"),
        ("GET", f"{PROXY}/a?upload_id={upload}"),
    ):
        assert guarded.target(method, path).status == 401
    elsewhere = {"path": "b", "upload_id": upload, "parts": [{"part_number": 1}]}
    refused(guarded.target("POST", f"{FILES}/mpu/complete/b", elsewhere, headers=headers))


def test_auth_10_who_changed_something_is_who_called(guarded: Guarded) -> None:
    claimed = {**bearer(guarded.tokens["write"]), "X-Pegboard-User": "u-admin"}
    for path, fields in (
        ("registered-models/create", {"name": "claimed", "user_id": "u-admin"}),
        ("model-versions/create", {"name": "claimed", "source": "s3://bucket/m"}),
        ("registered-models/alias", {"name": "claimed", "alias": "best", "version": "1"}),
    ):
        asked = {**fields, "user": "u-admin"}
        assert guarded.target("POST", f"{API}/{path}", asked, headers=claimed).status == 200
    history = "/api/pegboard/1.0/registry/history?name=claimed"
    changes = guarded.target("GET", history, headers=claimed).json["changes"]
    assert "u-write" in str(changes)
    assert "u-admin" not in str(changes)


def test_auth_11_a_server_for_one_command_is_for_nobody_else(tmp_path: Path) -> None:
    """``pegboard exec`` serves on loopback, which other users of the machine reach too."""
    code = (
        "import os, urllib.request, urllib.error\n"
        "url = os.environ['MLFLOW_TRACKING_URI'] + '/api/2.0/mlflow/experiments/search'\n"
        "try:\n"
        "    urllib.request.urlopen(url + '?max_results=1')\n"
        "except urllib.error.HTTPError as error:\n"
        "    print(error.code)\n"
    )
    command = str(Path(sys.executable).with_name("pegboard"))
    done = subprocess.run(
        [command, "exec", "--", sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PEGBOARD_TRACKING_URI": f"sqlite:{tmp_path}/s.db"},
    )
    assert done.stdout.split() == ["401"], done.stderr


def test_auth_1_only_this_machine_reaches_a_server_without_users(target: Target) -> None:
    for family, _, _, _, address in socket.getaddrinfo(socket.gethostname(), target.address[1]):
        if address[0] in ("127.0.0.1", "::1") or str(address[0]).startswith("127."):
            continue
        with (
            socket.socket(family, socket.SOCK_STREAM) as connection,
            pytest.raises(OSError, match=r"refused|unreachable|timed out"),
        ):
            connection.settimeout(5)
            connection.connect(address)


def test_auth_12_a_token_is_told_apart_by_all_of_it(guarded: Guarded) -> None:
    """CVE-2026-35030."""
    token = guarded.tokens["admin"]
    other = "x" if token[-1] != "x" else "y"
    for forged in (
        token[:20],
        token[:-1],
        token[:-1] + other,
        token + other,
        token[:20] + "0" * 200,
    ):
        assert guarded.target("GET", GET, headers=bearer(forged)).status == 401
    assert guarded.target("GET", GET, headers=bearer(token)).status == 200


def test_auth_12_who_was_removed_does_not_come_in_again(tmp_path: Path) -> None:
    users_file = tmp_path / "users"
    token_of(users_file, "root", "admin")
    token = token_of(users_file, "gone", "read")
    with serving(tmp_path, "--users", str(users_file)) as url:
        target = Target(url, tmp_path)
        assert target("GET", GET, headers=bearer(token)).status == 200
        pegboard("server", "user", "remove", "gone", "--users", str(users_file))
        deadline = time.monotonic() + SECONDS
        while target("GET", GET, headers=bearer(token)).status != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
