"""Client keys: shown once, hashed at rest, over and revoked when they say so, and nobody else's."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.errors import ConfigError, InvalidValue, NotFound, PegboardError
from pegboard_gateway.control.key_store import LOOK_SECONDS, KeyStore
from pegboard_gateway.control.keys import Hasher, key_in, read_pepper
from pegboard_gateway.control.rules import Measure, Scope
from world import asked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


def test_a_key_is_found_and_says_what_it_is_for(file: Path) -> None:
    store = KeyStore(file)
    made, text = store.create(name="ci", user="ann", team="lab", endpoints=["chat", "emb-*"])
    found = store.find(text)
    assert found == made
    assert (found.id, found.user, found.team) == (text.split("_")[1], "ann", "lab")
    caller = found.caller("10.0.0.1")
    assert (caller.key_id, caller.user, caller.team) == (made.id, "ann", "lab")
    assert [found.covers(name) for name in ("chat", "emb-small", "other")] == [True, True, False]


def test_routes_of_a_key_are_faces(file: Path) -> None:
    made, _ = KeyStore(file).create(routes=["anthropic"])
    assert not made.allows(asked())
    assert KeyStore(file).create()[0].allows(asked())


def test_what_is_kept_is_not_the_key(file: Path, tmp_path: Path) -> None:
    store = KeyStore(file)
    made, text = store.create()
    store.close()
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert text.encode() not in kept
    assert text.split("_", 2)[2].encode() not in kept
    assert text not in repr(made)
    assert stat.S_IMODE(file.with_name("gateway.db.keys").stat().st_mode) == 0o600


def test_a_row_that_is_written_without_the_secret_lets_nobody_in(file: Path) -> None:
    store = KeyStore(file)
    store.create()
    _, forged, digest = Hasher(b"another secret").new()
    with sqlite3.connect(file) as connection:
        row = connection.execute("SELECT * FROM gateway_key").fetchone()
        connection.execute(
            "INSERT INTO gateway_key VALUES (?, ?, ?, ?, ?, ?, ?)",
            ("forged000000", digest, *row[2:6], row[6] + 1),
        )
    connection.close()
    store.refresh(now=True)
    assert store.of_id("forged000000") is not None
    assert store.find(forged) is None


@settings(deadline=None)
@given(st.integers(0, 59), st.characters(codec="ascii", categories=["L", "N"]))
def test_keys_that_begin_alike_are_not_the_same(place: int, other: str) -> None:
    hasher = Hasher(b"s" * 32)
    _, text, digest = hasher.new()
    changed = text[:place] + other + text[place + 1 :]
    assert (hasher.digest(changed) == digest) == (changed == text)


def test_a_key_with_the_beginning_of_another_is_nobodys(file: Path) -> None:
    store = KeyStore(file)
    _, text = store.create(user="ann")
    last = "A" if text[-1] != "A" else "B"
    assert store.find(text[:-1] + last) is None
    assert store.find(text[:-1]) is None
    assert store.find(text + "A") is None
    assert store.find(text) is not None


def test_a_key_is_good_until_it_is_over(file: Path) -> None:
    now = [1_000.0]
    store = KeyStore(file, clock=lambda: now[0])
    _, text = store.create(expires_ms=1_500_000)
    now[0] = 1_499.999
    assert store.find(text) is not None
    now[0] = 1_500.0
    assert store.find(text) is None
    with pytest.raises(InvalidValue, match="over before it began"):
        store.create(expires_ms=1_500_000)


def test_a_revoked_key_is_refused_in_another_process_within_a_second(file: Path) -> None:
    moment = [0.0]
    here, there = KeyStore(file), KeyStore(file, monotonic=lambda: moment[0])
    made, text = here.create()
    assert there.find(text) is not None
    revoked = here.revoke(made.id)
    assert revoked.revoked_ms is not None
    assert here.find(text) is None
    moment[0] += LOOK_SECONDS
    assert LOOK_SECONDS < 1
    assert there.find(text) is None
    assert here.revoke(made.id) == revoked
    with pytest.raises(NotFound, match="no key"):
        here.revoke("nobody000000")


def test_a_key_made_by_another_process_is_known_within_a_second(file: Path) -> None:
    moment = [0.0]
    there = KeyStore(file, monotonic=lambda: moment[0])
    assert there.is_empty
    assert not file.exists()
    _, text = KeyStore(file).create()
    moment[0] += LOOK_SECONDS
    assert there.find(text) is not None
    assert not there.is_empty


def test_no_key_is_good_while_the_keys_cannot_be_read(file: Path) -> None:
    moment = [0.0]
    store = KeyStore(file, monotonic=lambda: moment[0])
    _, text = store.create()
    assert store.find(text) is not None
    file.rename(file.with_name("elsewhere"))
    moment[0] += LOOK_SECONDS
    for _ in range(2):
        with pytest.raises(PegboardError):
            store.find(text)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer ' OR 1=1--",
        "Bearer pgk_' OR 1=1--",
        "Bearer pgk_aaaaaaaaaaaa_" + "\0" * 43,
        "Bearer pgk_aaaaaaaaaaaa_" + "A" * 43,
        "Bearer pgk_" + "A" * 1_000_000,
        "Bearer pgk_\xff\xfe\ud800",
        "Bearer pgk_aaaaaaaaaaaa_" + "٣" * 43,
        "bEaReR pgk_",
        "Bearer",
        "",
        "pgk_",
        "Basic pgk_",
    ],
)
def test_odd_headers_are_nobodys(file: Path, header: str) -> None:
    store = KeyStore(file)
    store.create()
    given = key_in({"authorization": header})
    assert given is None or store.find(given) is None
    given = key_in({"x-api-key": header.removeprefix("Bearer ")})
    assert given is None or store.find(given) is None


def test_a_key_comes_as_each_client_sends_it(file: Path) -> None:
    _, text = KeyStore(file).create()
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        assert key_in({name: text}) == text
    assert key_in({"authorization": f"bearer  {text} "}) == text
    # A token of the server's own goes before other headers only if it is a key of the gateway.
    assert key_in({"authorization": "Bearer peg_other", "x-api-key": text}) == text


def test_limits_of_a_key_hold_for_it_alone(file: Path) -> None:
    store = KeyStore(file)
    made, _ = store.create(limits=["100/minute", "5000 tokens/day"], budgets=["2.50 USD/month"])
    limits, budgets = store.rules()
    assert [(each.measure, each.amount, each.scope, each.subject) for each in limits] == [
        (Measure.CALLS, 100, Scope.KEY, made.id),
        (Measure.TOKENS, 5_000, Scope.KEY, made.id),
    ]
    assert [(each.amount, str(each.window)) for each in budgets] == [(2_500_000_000, "month")]
    store.update(made.id, budgets=[])
    assert store.rules()[1] == []
    store.revoke(made.id)
    assert store.rules() == ([], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"limits": ["many"]},
        {"budgets": ["10 EUR/month"]},
        {"name": "a\nb"},
        {"user": "x" * 251},
        {"endpoints": [1]},
        {"digest": b""},
        {"tags": {"a": "\0"}},
    ],
)
def test_what_a_key_cannot_be_is_refused(file: Path, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        KeyStore(file).create(**fields)


def test_processes_that_begin_at_once_have_one_secret(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(read_pepper(tmp_path / "keys")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]


def test_a_damaged_secret_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("nonsense")
    with pytest.raises(ConfigError, match="backup"):
        read_pepper(tmp_path / "keys")
