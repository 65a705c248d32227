"""Who may come in, and what they may do."""

from __future__ import annotations

import base64
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pegboard.errors import ConfigError
from pegboard_server import users
from pegboard_wire.http import Permission

from .conftest import COMMAND, SECONDS, Reply, Server, Start, environment

CONFIG = '[plugins.server]\nusers_file = "users"\n'
PASSWORD = "a long secret: with ä colon"


@pytest.fixture
def shell(plugins: Path, tmp_path: Path) -> Any:
    """Return the command line in the folder of a server that knows users."""
    (tmp_path / "pegboard.toml").write_text(CONFIG)

    def call(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=environment(plugins, tmp_path),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return call


@pytest.fixture
def guarded(start: Start, tmp_path: Path) -> Server:
    """Return a server that knows ann (read, by password) and bob (delete, by password)."""
    secret = users.password_hash(PASSWORD)
    known = [
        users.Credential("ann", Permission.READ, secret),
        users.Credential("bob", Permission.DELETE, secret),
    ]
    users.write(tmp_path / "users", known)
    return start(config=CONFIG)


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def read(server: Server, headers: dict[str, str] | None = None) -> Reply:
    return server("GET", "/api/probe/quick", headers=headers)


def test_nobody_without_a_name_comes_in(guarded: Server) -> None:
    for method, path in (
        ("GET", "/api/probe/quick"),
        ("POST", "/ajax-api/probe/quick"),
        ("PUT", "/api/probe/files/a"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("HEAD", "/api/probe/quick"),
        ("GET", "/%61pi/probe/quick"),
    ):
        answer = guarded(method, path)
        assert answer.status == 401, path
        assert "Basic" in answer.headers["www-authenticate"]
    assert read(guarded).code == "UNAUTHENTICATED"
    assert guarded("GET", "/health").status == 200


def test_a_password_opens(guarded: Server) -> None:
    for _ in range(3):
        assert read(guarded, basic("ann")).json["user"] == "ann"


def test_wrong_credentials_do_not_open(guarded: Server) -> None:
    for headers in (
        basic("ann", "wrong"),
        basic("ann", ""),
        basic("nobody"),
        basic(""),
        bearer(""),
        bearer("peg_wrong"),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic"},
        {"Authorization": "Digest username=ann"},
        {"Authorization": ""},
    ):
        answer = read(guarded, headers)
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED"), headers


@pytest.mark.parametrize(
    "headers, said",
    [
        (None, "asks for a login"),
        (basic("ann", "wrong"), "The name or the password is wrong."),
        (basic("nobody"), "The name or the password is wrong."),
        (bearer("peg_wrong"), "The token is not known."),
    ],
)
def test_it_is_said_what_is_wrong(guarded: Server, headers: Any, said: str) -> None:
    answer = read(guarded, headers)
    assert answer.status == 401
    assert said in answer.json["message"]


@pytest.mark.parametrize("level", ["read", "write", "delete", "admin"])
def test_adding_a_user_says_the_level(shell: Any, level: str) -> None:
    words = ("server", "user", "add", "cy", "--level", level)
    for more, stdin in ((["--password-stdin"], f"{PASSWORD}\n"), (["--token"], "")):
        done = shell(*words, *more, stdin=stdin)
        assert done.returncode == 0
        assert f"at level {level}" in " ".join(done.stderr.split())


def test_without_a_level_it_says_the_one_it_took(shell: Any) -> None:
    done = shell("server", "user", "add", "cy", "--password-stdin", stdin=PASSWORD)
    assert "at level delete" in " ".join(done.stderr.split())


def test_wrong_credentials_do_not_open_what_is_open_otherwise(guarded: Server) -> None:
    assert guarded("GET", "/health", headers=basic("ann", "wrong")).status == 401


def test_each_level_includes_those_before_it(guarded: Server, shell: Any) -> None:
    tokens = {}
    for level in ("read", "write", "delete", "admin"):
        added = shell("server", "user", "add", f"u-{level}", "--level", level, "--token")
        tokens[level] = added.stdout.strip()
    wait_until_known(guarded, tokens["admin"])
    calls = [
        ("GET", "/api/probe/quick"),
        ("POST", "/api/probe/quick"),
        ("DELETE", "/api/probe/things/1"),
        ("POST", "/api/probe/admin"),
    ]
    for count, level in enumerate(tokens, 1):
        statuses = [guarded(*call, {}, headers=bearer(tokens[level])).status for call in calls]
        assert statuses == [200] * count + [403] * (4 - count), level


def test_a_token_goes_as_a_password_too(guarded: Server, shell: Any) -> None:
    token = shell("server", "user", "add", "cy", "--token").stdout.strip()
    wait_until_known(guarded, token)
    assert read(guarded, basic("token", token)).json["user"] == "cy"


def test_a_removed_user_is_locked_out_at_once(guarded: Server, shell: Any) -> None:
    assert read(guarded, basic("ann")).status == 200
    assert shell("server", "user", "remove", "ann").returncode == 0
    deadline = time.monotonic() + SECONDS
    while read(guarded, basic("ann")).status != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert read(guarded, basic("bob")).status == 200


def test_guessing_is_slowed_down(guarded: Server) -> None:
    statuses = {read(guarded, basic("ann", f"guess {n}")).status for n in range(12)}
    assert statuses == {401, 429}
    answer = read(guarded, basic("ann", "another"))
    assert (answer.code, answer.headers["retry-after"]) == ("REQUEST_LIMIT_EXCEEDED", "60")
    assert read(guarded, basic("bob")).status == 200


def test_the_file_tells_no_secret(guarded: Server, shell: Any, tmp_path: Path) -> None:
    token = shell("server", "user", "add", "cy", "--token").stdout.strip()
    text = (tmp_path / "users").read_text()
    assert token not in text
    assert PASSWORD not in text
    assert stat.S_IMODE((tmp_path / "users").stat().st_mode) == 0o600
    listed = shell("server", "user", "list", "--json").stdout
    assert '"cy"' in listed
    assert "$" not in listed


def test_secrets_are_not_logged(guarded: Server) -> None:
    read(guarded, basic("ann"))
    guarded("GET", "/api/probe/quick?token=hidden", headers=basic("ann"))
    guarded.stop()
    log = guarded.errors
    assert '"user":"ann"' in log
    for secret in ("hidden", basic("ann")["Authorization"], PASSWORD):
        assert secret not in log


@pytest.mark.parametrize(
    "words, stdin, said",
    [
        (["add", "a:b", "--password-stdin"], "long enough", "cannot be the name"),
        (["add", "ann", "--password-stdin"], "short", "at least 8"),
        (["remove", "nobody"], "", "no user"),
    ],
)
def test_what_cannot_be_is_refused(shell: Any, words: list[str], stdin: str, said: str) -> None:
    result = shell("server", "user", *words, stdin=stdin)
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def wait_until_known(server: Server, token: str) -> None:
    deadline = time.monotonic() + SECONDS
    while read(server, bearer(token)).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- listening beyond this machine -------------------------------------------------------------


def test_without_users_it_does_not_listen_beyond_this_machine(start: Start) -> None:
    for host in ("0.0.0.0", "::"):
        with pytest.raises(AssertionError, match="could read and change everything"):
            start("--host", host)


def test_insecure_says_that_anybody_may_come(start: Start) -> None:
    assert start("--host", "0.0.0.0", "--insecure").is_well()


def test_a_user_that_was_added_comes_in(guarded: Server, shell: Any) -> None:
    words = ("server", "user", "add", "cy", "--password-stdin")
    assert shell(*words, stdin="first password").returncode == 0
    assert shell(*words, stdin="second password").returncode == 0
    deadline = time.monotonic() + SECONDS
    while read(guarded, basic("cy", "second password")).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert read(guarded, basic("cy", "first password")).status == 401


def test_with_users_it_listens_anywhere(start: Start, shell: Any) -> None:
    shell("server", "user", "add", "ann", "--password-stdin", stdin=PASSWORD)
    server = start("--host", "0.0.0.0", config=CONFIG)
    assert read(server).status == 401
    assert server("GET", "/api/probe/quick", headers={"Host": "evil.example"}).status == 403
    assert server("GET", "/api/probe/quick", headers={"Host": "10.0.0.7:1"}).status == 401


def test_a_file_of_users_that_is_missing_or_broken_is_told(start: Start, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Cannot read the users"):
        start(config=CONFIG)
    (tmp_path / "users").write_text("ann:everything:secret\n")
    with pytest.raises(AssertionError, match="line 1"):
        start(config=CONFIG)


SCRYPT = users.password_hash(PASSWORD)
SALT, KEY = SCRYPT.split("$")[4:]
SECRETS = {
    "nothing": "",
    "a password in plain": "hunter2hunter2",
    "an unknown kind": "md5$0123456789abcdef",
    "no numbers": f"scrypt$a$b$c${SALT}${KEY}",
    "a cost of nothing": f"scrypt$0$8$1${SALT}${KEY}",
    "a cost that is not a power of two": f"scrypt$1000$8$1${SALT}${KEY}",
    "no lanes": f"scrypt$16384$8$0${SALT}${KEY}",
    "a cost that takes hours": f"scrypt$16777216$8$1${SALT}${KEY}",
    "a negative cost": f"scrypt$-16384$8$1${SALT}${KEY}",
    "a salt that is not base64": f"scrypt$16384$8$1$A${KEY}",
    "a key that is cut off": f"scrypt$16384$8$1${SALT}${KEY[:40]}",
    "no key": f"scrypt$16384$8$1${SALT}$",
    "parts that are missing": "scrypt$16384$8",
    "five dollars": "$$$$$",
    "a short token": "sha256$0123",
    "a token that is not hex": f"sha256${'g' * 64}",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_malformed_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / "users"
    file.write_text(f"ann:read:{SCRYPT}\nbob:read:{SECRETS[name]}\n")
    with pytest.raises(ConfigError, match=r"users, line 2: the secret is neither") as caught:
        users.read(file)
    assert SECRETS[name] == "" or SECRETS[name] not in str(caught.value)


def test_a_file_with_a_malformed_secret_stops_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"ann:read:{SECRETS['no numbers']}\n")
    with pytest.raises(AssertionError, match="line 1: the secret is neither"):
        start(config=CONFIG)


def test_a_file_that_becomes_malformed_lets_nobody_in_and_is_logged(
    guarded: Server, tmp_path: Path
) -> None:
    assert read(guarded, basic("ann")).status == 200
    good = (tmp_path / "users").read_text()
    (tmp_path / "users").write_text(f"{good}eve:read:{SECRETS['no numbers']}\n")
    # Somebody may have been removed from it: nobody is let in on what stood there before.
    wait_for_status(guarded, 500)
    (tmp_path / "users").write_text(good)
    wait_for_status(guarded, 200)
    guarded.stop()
    assert "line 3: the secret is neither" in guarded.errors


def wait_for_status(server: Server, status: int) -> None:
    deadline = time.monotonic() + SECONDS
    while read(server, basic("ann")).status != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nobody_without_a_name_administers(server: Server) -> None:
    answer = server("POST", "/api/probe/admin", {})
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")
    assert "'pegboard server user add NAME --level admin' makes one" in answer.json["message"]
