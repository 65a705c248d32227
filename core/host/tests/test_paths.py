"""Safe paths: nothing leads out of the root."""

from __future__ import annotations

import posixpath
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pegboard import paths
from pegboard.errors import InvalidValue, UnsafePath

PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "a", "~", "C:", "%2e%2e", "%252e%252e", "%2f", "\\", "..\\"]),
    st.text(max_size=4),
)


def encoded(path: str, times: int) -> str:
    for _ in range(times):
        path = quote(path, safe="")
    return path


@given(st.lists(PARTS, max_size=6).map("/".join), st.integers(0, 3))
@example("a/../../b", 0)
@example("..", 3)
@example("./~", 0)
@example(".//~", 1)
def test_a_path_that_passes_never_climbs_however_it_is_decoded(path: str, times: int) -> None:
    try:
        safe = paths.safe_relative(encoded(path, times))
    except UnsafePath:
        return
    for _ in range(12):
        assert not safe.startswith(("/", "~"))
        assert "\\" not in safe
        assert "\0" not in safe
        root = "/some/root"
        assert not posixpath.normpath(safe).startswith("~")
        landed = posixpath.normpath(posixpath.join(root, safe))
        assert landed == root or landed.startswith(root + "/")
        safe = unquote(safe)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        (".", ""),
        ("a", "a"),
        ("a/b.txt", "a/b.txt"),
        ("a//b/./c/", "a/b/c"),
        ("größe/数据 (1).csv", "größe/数据 (1).csv"),
        ("..a/b..", "..a/b.."),
        ("100%", "100%"),
        (".hidden", ".hidden"),
        ("a:b.txt", "a:b.txt"),
        ("c:x/y", "c:x/y"),
        ("logs/12:30:00.txt", "logs/12:30:00.txt"),
        (Path("a") / "b.txt", "a/b.txt"),
        (PureWindowsPath("a\\b.txt"), "a/b.txt"),
    ],
)
def test_plain_paths_come_back_in_normal_form(given: paths.RelativePath, expected: str) -> None:
    assert paths.safe_relative(given) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//host/share",
        "..",
        "a/../b",
        "../a",
        "a/..",
        "~/x",
        "~root",
        "C:/x",
        "c:/x",
        "C:",
        "C:\\x",
        "c%3a/x",
        "C%3A%5Cx",
        "%43%253a%2fx",
        "file:///etc/passwd",
        "FILE:x",
        "a\\b",
        "..\\a",
        "a\0b",
        "a\nb",
        "\x7f",
        "%2e%2e/a",
        "%2E%2e%2Fa",
        "%252e%252e/a",
        "%2fetc",
        "a/%5c..",
        "./~",
        ".//~root/x",
        "./C:/x",
        "././file:x",
        "%2e/~",
        "%252e%252f~",
        encoded("../a", 20),
    ],
)
def test_paths_that_could_do_harm_are_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        paths.safe_relative(path)


def test_where_windows_joins_paths_a_drive_needs_no_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths.os, "name", "nt")
    with pytest.raises(UnsafePath, match="not relative"):
        paths.safe_relative("c:x")


@pytest.mark.parametrize("path", [5, b"a", None, ["a"]])
def test_what_is_not_a_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidValue, match="not text"):
        paths.safe_relative(path)


def test_a_path_below_a_root_is_returned(tmp_path: Path) -> None:
    assert paths.below(tmp_path, "a/b") == tmp_path / "a" / "b"
    assert paths.below(tmp_path, "") == tmp_path


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "inside").mkdir()
    (root / "in").symlink_to(root / "inside")
    for path in ("out", "out/a", "out/missing/b"):
        with pytest.raises(UnsafePath, match="link"):
            paths.below(root, path)
    assert paths.below(root, "in/a") == root / "in" / "a"


def test_a_root_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert paths.below(tmp_path / "link", "a") == tmp_path / "link" / "a"
