"""URIs of stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard import uris
from pegboard.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "scheme", "path"),
    [
        ("sqlite:a/b.db", "sqlite", "a/b.db"),
        ("SQLite:a.db", "sqlite", "a.db"),
        ("memory:", "memory", ""),
        ("s3+x://bucket/key", "s3+x", "//bucket/key"),
        ("file:///tmp/a%20b", "file", "///tmp/a b"),
        ("a/b.db", "path", "a/b.db"),
        ("/tmp/x:y", "path", "/tmp/x:y"),
        ("C:\\runs", "path", "C:\\runs"),
        ("C:/runs", "path", "C:/runs"),
        ("100%20", "path", "100%20"),
    ],
)
def test_the_scheme_is_told_from_the_path(text: str, scheme: str, path: str) -> None:
    uri = uris.parse(text)
    assert (uri.text, uri.scheme, uri.path) == (text, scheme, path)


def test_the_query_is_taken_apart() -> None:
    uri = uris.parse("sqlite:a.db?synchronous=full&artifacts=file%3A///x&empty=")
    assert uri.path == "a.db"
    assert uri.query == {"synchronous": "full", "artifacts": "file:///x", "empty": ""}


@pytest.mark.parametrize("text", ["", "a\0b", "sqlite:\0"])
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        uris.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:/abs/a.db", "/abs/a.db"),
        ("sqlite:////abs/a.db", "/abs/a.db"),
        ("file:///abs/a", "/abs/a"),
        ("file://localhost/abs/a", "/abs/a"),
        ("file:/abs/a", "/abs/a"),
        ("/abs/../abs/a", "/abs/a"),
    ],
)
def test_absolute_paths_are_understood(text: str, expected: str) -> None:
    assert uris.parse(text).local_path() == Path(expected)


@pytest.mark.parametrize("text", ["sqlite:a/b.db", "sqlite:///a/b.db", "a/b.db", "./a/b.db"])
def test_relative_paths_begin_where_the_process_is(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert uris.parse(text).local_path() == tmp_path / "a" / "b.db"


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert uris.parse("~/a.db").local_path() == tmp_path / "a.db"


def test_another_host_is_refused() -> None:
    with pytest.raises(InvalidValue, match="example"):
        uris.parse("file://example.org/a").local_path()


@pytest.mark.parametrize("text", ["sqlite:", "sqlite://", "file:"])
def test_a_uri_without_a_path_has_no_local_path(text: str) -> None:
    with pytest.raises(InvalidValue):
        uris.parse(text).local_path()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_absolute_path_survives_as_a_uri(name: str) -> None:
    path = Path("/root") / name.replace("/", "_")
    uri = uris.parse(uris.from_path(path))
    assert uri.scheme == "file"
    assert not uri.query
    if name not in (".", ".."):
        assert uri.local_path() == path


@pytest.mark.parametrize(
    ("root", "parts", "expected"),
    [
        ("file:///a", ["b"], "file:///a/b"),
        ("file:///a/", ["b", "c/"], "file:///a/b/c"),
        ("s3://bucket/a?region=x", ["b"], "s3://bucket/a/b?region=x"),
        ("/plain", ["1"], "/plain/1"),
    ],
)
def test_parts_are_appended_before_the_query(root: str, parts: list[str], expected: str) -> None:
    assert uris.join(root, *parts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs/a.db", "/base/runs/a.db"),
        ("/abs/a.db", "/abs/a.db"),
        ("sqlite:runs/a.db", "sqlite:/base/runs/a.db"),
        ("sqlite:///runs/a.db", "sqlite:/base/runs/a.db"),
        ("sqlite:/abs/a.db", "sqlite:/abs/a.db"),
        ("sqlite:////abs/a.db", "sqlite:/abs/a.db"),
        ("sqlite:a.db?synchronous=full", "sqlite:/base/a.db?synchronous=full"),
        ("http://host/path", "http://host/path"),
        ("memory:x", "memory:x"),
    ],
)
def test_relative_uris_are_anchored_at_a_directory(text: str, expected: str) -> None:
    assert uris.anchored(text, Path("/base")) == expected
