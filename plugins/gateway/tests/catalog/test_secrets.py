"""Secrets are sealed at rest, open with the right key only, and change keys without a gap."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pegboard.errors import ConfigError, PegboardError, StoreError
from pegboard_gateway.catalog.live import LiveCatalog
from pegboard_gateway.catalog.secrets import (
    NEXT_VARIABLE,
    VARIABLE,
    Keyring,
    Sealed,
    masked,
    new_key,
    parse_key,
)

from .conftest import MARKER, ONE, stored

Open = Callable[[str], LiveCatalog]


def ring(place: Path, **environ: str) -> Keyring:
    return Keyring(place / "key", environ)


@given(some.dictionaries(some.text(min_size=1), some.text(min_size=1), min_size=1))
def test_what_is_sealed_opens_as_it_was(value: dict[str, str]) -> None:
    keys = Keyring(Path("/nowhere"), {VARIABLE: KEY})
    assert keys.open(keys.seal(value, "s-1"), "s-1") == value


KEY = new_key()


def test_the_file_of_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    keys.seal({"api_key": MARKER}, "s-1")
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    assert len(keys.file.read_text()) == 44


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    keys = ring(tmp_path)
    sealed = keys.seal({"api_key": MARKER}, "s-1")
    keys.file.chmod(mode)
    with pytest.raises(ConfigError, match="can be read by others"):
        keys.open(sealed, "s-1")


@pytest.mark.parametrize(
    "text",
    ["", "short", "!" * 44, new_key() + "x", "ü" * 44, "a" * 43],
    ids=["empty", "short", "odd", "longer", "foreign", "shorter"],
)
def test_what_is_no_key_is_told_without_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match="holds no key") as caught:
        parse_key(text, "The file")
    assert not text or text not in str(caught.value)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    sealed = ring(tmp_path, **{VARIABLE: new_key()}).seal({"api_key": MARKER}, "s-1")
    with pytest.raises(StoreError, match="sealed with another key"):
        ring(tmp_path, **{VARIABLE: new_key()}).open(sealed, "s-1")


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    sealed = keys.seal({"api_key": MARKER}, "s-1")
    keys.file.unlink()
    with pytest.raises(StoreError, match="is not there"):
        keys.open(sealed, "s-1")


def test_a_secret_opens_only_in_its_own_row(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    sealed = keys.seal({"api_key": MARKER}, "s-1")
    with pytest.raises(StoreError):
        keys.open(sealed, "s-2")


@pytest.mark.parametrize("part", ["value", "key"])
def test_a_secret_that_was_changed_does_not_open(part: str, tmp_path: Path) -> None:
    keys = ring(tmp_path)
    sealed = keys.seal({"api_key": MARKER}, "s-1")
    parts = {"value": sealed.value, "key": sealed.key}
    for at in range(len(parts[part])):
        changed = bytearray(parts[part])
        changed[at] ^= 1
        with pytest.raises(StoreError):
            keys.open(Sealed(**{**parts, part: bytes(changed)}, key_id=sealed.key_id), "s-1")
    with pytest.raises(StoreError):
        keys.open(Sealed(**{**parts, part: b""}, key_id=sealed.key_id), "s-1")


def test_the_same_secret_is_never_sealed_alike(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    assert len({keys.seal({"api_key": MARKER}, "s-1").value for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("value", "shown"),
    [("", "***"), ("short", "***"), ("123456789012345", "***"), (MARKER, "sk-...-key")],
)
def test_masks_show_the_ends_of_long_secrets_only(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_nothing_on_the_disk_holds_a_secret(open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    ids = stored(catalog)
    catalog.store.credentials.update_secret(ids["secret"], value={"api_key": MARKER[::-1]})
    catalog.store.credentials.rotate()
    catalog.close()
    for file in catalog.store.path.parent.iterdir():
        content = file.read_bytes()
        assert MARKER.encode() not in content
        assert MARKER[::-1].encode() not in content


# -- rotation ---------------------------------------------------------------------------------


def key_ids(catalog: LiveCatalog) -> set[str]:
    with catalog.store.database.reading() as connection:
        rows: list[tuple[str]] = connection.execute("SELECT key_id FROM gateway_secret").fetchall()
    return {each for (each,) in rows}


def test_after_a_rotation_all_open_with_the_new_key_alone(open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    first, second = stored(catalog, "a"), stored(catalog, "b")
    old = catalog.store.keys.key()
    assert catalog.store.credentials.rotate() == 2
    new = catalog.store.keys.key()
    assert new != old
    assert key_ids(catalog) == {new.id}
    for ids in (first, second):
        assert catalog.store.credentials.open_secret(ids["secret"]) == {"api_key": MARKER}
    catalog.store.keys.file.write_text(old.value.hex())
    with pytest.raises(PegboardError):
        catalog.store.credentials.open_secret(first["secret"])


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["begin_rotation", "rewrap", "end_rotation"])
def test_a_rotation_that_dies_loses_nothing_and_the_next_completes_it(
    step: str, open_catalog: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = open_catalog(ONE)
    first, second = stored(catalog, "a"), stored(catalog, "b")
    done = getattr(Keyring, step)

    def die(self: Keyring, *arguments: object) -> None:
        if step == "begin_rotation":
            done(self, *arguments)
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Keyring, step, die)
        catalog.store.credentials.rotate()
    for ids in (first, second):
        assert catalog.store.credentials.open_secret(ids["secret"]) == {"api_key": MARKER}
    assert catalog.store.credentials.rotate() == 2
    assert key_ids(catalog) == {catalog.store.keys.key().id}
    assert [each.name for each in catalog.store.path.parent.glob("*.next")] == []
    # A secret that is kept now is sealed with the key in force.
    third = stored(catalog, "c")
    assert catalog.store.credentials.open_secret(third["secret"]) == {"api_key": MARKER}


def test_the_key_of_the_environment_is_rotated_by_its_owner(
    open_catalog: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, new_key())
    catalog = open_catalog(ONE)
    ids = stored(catalog)
    assert not catalog.store.keys.file.exists()
    with pytest.raises(ConfigError, match=NEXT_VARIABLE):
        catalog.store.credentials.rotate()
    monkeypatch.setenv(NEXT_VARIABLE, coming := new_key())
    assert catalog.store.credentials.rotate() == 1
    assert catalog.store.credentials.open_secret(ids["secret"]) == {"api_key": MARKER}
    monkeypatch.setenv(VARIABLE, coming)
    monkeypatch.delenv(NEXT_VARIABLE)
    assert catalog.store.credentials.open_secret(ids["secret"]) == {"api_key": MARKER}


def test_a_value_that_is_no_ciphertext_is_told(open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    ids = stored(catalog)
    with sqlite3.connect(catalog.store.path) as connection:
        connection.execute("UPDATE gateway_secret SET sealed = ?", (MARKER.encode(),))
    connection.close()
    with pytest.raises(StoreError, match="another key"):
        catalog.store.credentials.open_secret(ids["secret"])
