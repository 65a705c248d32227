"""Files that are sent and fetched."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest
from pegboard.errors import InvalidValue, NotFound
from pegboard_wire.sending import media_type_of

from .conftest import Files, breaking_off

CONTENT = bytes(range(256)) * 20_000


def pieces(size: int = 70_000) -> Iterator[bytes]:
    for start in range(0, len(CONTENT), size):
        yield CONTENT[start : start + size]


def digest_of(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@pytest.mark.parametrize("path", ["a", "a b/größe.bin", "1/2/3/100%", "a/#x?y=z&"])
def test_a_file_comes_back_as_it_was_sent(any_files: Files, path: str) -> None:
    sent = any_files.put(path, pieces())
    assert (sent.status, sent.json) == (200, {})
    assert sent.headers["repr-digest"] == digest_of(CONTENT)
    got = any_files.get(path)
    assert got.status == 200
    assert got.body == CONTENT
    assert got.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize("size", [997, 1 << 19, 600_001, len(CONTENT)])
def test_a_file_may_come_in_pieces_of_any_size(files: Files, size: int) -> None:
    assert files.put("a", pieces(size)).headers["repr-digest"] == digest_of(CONTENT)
    assert (files.root / "a").read_bytes() == CONTENT


def test_an_empty_file_is_a_file(any_files: Files) -> None:
    any_files.put("empty", b"")
    assert any_files.get("empty").body == b""
    assert any_files.listed() == ["empty"]


def test_sending_again_replaces_the_file(any_files: Files) -> None:
    any_files.put("a", CONTENT)
    any_files.put("a", b"new")
    assert any_files.get("a").body == b"new"


@pytest.mark.parametrize("path", ["missing", "a", "a/b/c"])
def test_what_is_no_file_is_not_found(any_files: Files, path: str) -> None:
    any_files.put("a/b", b"x")
    with pytest.raises(NotFound):
        any_files.get(path)


def test_a_listing_names_what_is_directly_below(any_files: Files) -> None:
    for path in ("1/r/artifacts/a/b", "1/r/artifacts/a.txt", "1/s"):
        any_files.put(path, b"x")
    assert any_files.listed("1/r/artifacts") == ["a", "a.txt"]


def test_deleting_takes_all_below(any_files: Files) -> None:
    for path in ("1/a/b", "1/a/c", "1/ab"):
        any_files.put(path, b"x")
    any_files.delete("1/a")
    assert any_files.listed("1") == ["ab"]


def test_a_file_stands_in_no_files_way(files: Files) -> None:
    files.put("a/b", b"x")
    for path in ("a", "a/b/c"):
        with pytest.raises(InvalidValue):
            files.put(path, b"y")
    assert files.get("a/b").body == b"x"


# -- what breaks off -------------------------------------------------------------------------------


def test_an_upload_that_breaks_off_leaves_nothing(files: Files) -> None:
    with pytest.raises(ConnectionError):
        files.put("a/b", breaking_off(CONTENT, CONTENT, b"more"))
    assert files.on_disk() == []


def test_an_upload_that_breaks_off_keeps_the_old_file(files: Files) -> None:
    files.put("a", b"old")
    before = files.on_disk()
    with pytest.raises(ConnectionError):
        files.put("a", breaking_off(CONTENT))
    assert files.get("a").body == b"old"
    assert files.on_disk() == before


@pytest.mark.parametrize("header", ["repr_digest", "content_digest"])
def test_content_that_is_not_what_was_meant_is_refused(files: Files, header: str) -> None:
    with pytest.raises(InvalidValue, match="nothing was kept"):
        files.put("a", b"changed on the way", **{header: digest_of(b"meant")})
    assert files.on_disk() == []
    files.put("a", b"meant", **{header: f"md5=:x:, {digest_of(b'meant')}"})


def test_a_long_file_passes_through_little_memory(files: Files) -> None:
    def many() -> Iterator[bytes]:
        for _ in range(1024):
            yield CONTENT[:65_536]

    tracemalloc.start()
    try:
        files.put("long", many())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (files.root / "long").stat().st_size == 64 << 20
    assert peak < 10 << 20


def test_very_small_pieces_pass_through_little_memory(files: Files) -> None:
    tracemalloc.start()
    try:
        files.put("small", (CONTENT[start : start + 2] for start in range(0, 20_000, 2)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (files.root / "small").read_bytes() == CONTENT[:20_000]
    assert peak < 200_000


# -- ranges and tags -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=95-", 95, 100),
        ("bytes=95-1000", 95, 100),
        ("bytes=-7", 93, 100),
        ("bytes=-1000", 0, 100),
        ("bytes= 0 - 3", 0, 4),
    ],
)
def test_a_range_is_sent(any_files: Files, header: str, start: int, end: int) -> None:
    content = bytes(range(100))
    any_files.put("a", content)
    got = any_files.get("a", range=header)
    assert (got.status, got.body) == (206, content[start:end])
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/100"
    assert got.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(any_files: Files, header: str) -> None:
    any_files.put("a", bytes(100))
    got = any_files.get("a", range=header)
    assert (got.status, got.headers["content-range"]) == (416, "bytes */100")
    assert got.json["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "header", ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "x"]
)
def test_what_is_no_single_range_means_the_whole_file(any_files: Files, header: str) -> None:
    any_files.put("a", bytes(100))
    got = any_files.get("a", range=header)
    assert (got.status, len(got.body)) == (200, 100)


def test_a_client_that_has_the_file_is_told_so(files: Files) -> None:
    files.put("a", b"one")
    tag = files.get("a").headers["etag"]
    for header in (tag, f'"x", W/{tag}', "*"):
        got = files.get("a", if_none_match=header)
        assert (got.status, got.body) == (304, b"")
    files.put("a", b"two")
    got = files.get("a", if_none_match=tag)
    assert (got.status, got.body) == (200, b"two")
    assert got.headers["etag"] != tag


def test_a_range_of_another_version_is_the_whole_file(files: Files) -> None:
    files.put("a", b"one")
    tag = files.get("a").headers["etag"]
    assert files.get("a", range="bytes=1-1", if_range=tag).body == b"n"
    files.put("a", b"two")
    got = files.get("a", range="bytes=1-1", if_range=tag)
    assert (got.status, got.body) == (200, b"two")


# -- what a browser makes of it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/plain; charset=utf-8"),
        ("a.xhtml", "text/plain; charset=utf-8"),
        ("a.svg", "text/plain; charset=utf-8"),
        ("a.SVG", "text/plain; charset=utf-8"),
        ("a.xml", "text/plain; charset=utf-8"),
        ("a.js", "text/plain; charset=utf-8"),
        ("a.json", "text/plain; charset=utf-8"),
        ("MLmodel", "text/plain; charset=utf-8"),
        ("a.svgz", "application/octet-stream"),
        ("a.html.gz", "application/octet-stream"),
        ("a.swf", "application/octet-stream"),
        ("a.pkl", "application/octet-stream"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
    ],
)
def test_no_media_type_is_one_that_a_browser_runs(name: str, expected: str) -> None:
    assert media_type_of(name) == expected


def test_a_file_is_an_attachment_whatever_its_name(files: Files) -> None:
    name = 'grö"ße; x=y\u2028.html'
    files.put(f"a/{name}", b"<script>")
    got = files.get(f"a/{name}").headers["content-disposition"]
    assert got == (
        'attachment; filename="gr__e; x=y_.html"; '
        "filename*=UTF-8''gr%C3%B6%22%C3%9Fe%3B%20x%3Dy%E2%80%A8.html"
    ).replace("gr__e", "gr___e")
    got.encode("latin-1")
