"""Uploads in parts, in any order, taken up again after a break."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pegboard.errors import InvalidValue, NotFound, NotSupported

from .conftest import PROXY, Files, breaking_off

PARTS = [b"a" * 1000, b"b" * 1000, b"c" * 10]


class Upload:
    """An upload of ``1/r/artifacts/big.bin``, as MLflow's client does it."""

    where = "1/r/artifacts"

    def __init__(self, files: Files, count: int = 3) -> None:
        self.files = files
        made = self.post("create", num_parts=count).json
        self.id = made["upload_id"]
        self.credentials = made["credentials"]

    def post(self, what: str, **fields: Any) -> Any:
        fields = {"artifact_path": self.where, "path": "/home/me/big.bin", **fields}
        return self.files("POST", f"{PROXY}/mpu/{what}/{{artifact_path:path}}", **fields)

    def send(self, number: int, body: Any) -> str:
        url = urlsplit(self.credentials[number - 1]["url"])
        assert url.netloc == "server.example"
        assert url.path.startswith("/root/")
        path = url.path.removeprefix("/root")
        etag: str = self.files("PUT", path, body, **dict(parse_qsl(url.query))).headers["etag"]
        return etag

    def complete(self, *etags: str) -> Any:
        parts = [{"part_number": n, "etag": etag} for n, etag in enumerate(etags, 1)]
        return self.post("complete", upload_id=self.id, parts=parts)

    def arrived(self) -> list[int]:
        found = self.files("GET", f"{PROXY}/mpu/parts", upload_id=self.id).json["parts"]
        return [part["part_number"] for part in found]


@pytest.fixture
def upload(files: Files) -> Upload:
    return Upload(files)


def test_parts_in_any_order_make_the_file(files: Files, upload: Upload) -> None:
    etags = {number: upload.send(number, PARTS[number - 1]) for number in (3, 1, 2)}
    upload.complete(etags[1], etags[2], etags[3])
    assert files.get("1/r/artifacts/big.bin").body == b"".join(PARTS)
    assert files.listed("1/r/artifacts") == ["big.bin"]


def test_nothing_of_the_parts_is_left(files: Files, upload: Upload) -> None:
    upload.complete(*[upload.send(n, part) for n, part in enumerate(PARTS, 1)])
    own = [path for path in files.on_disk() if path.startswith(".pegboard-content")]
    digest = hashlib.sha256(b"".join(PARTS)).hexdigest()
    assert own == [f".pegboard-content/blobs/{digest[:2]}/{digest}"]


def test_a_part_that_broke_off_is_sent_again(files: Files, upload: Upload) -> None:
    first = upload.send(1, PARTS[0])
    with pytest.raises(ConnectionError):
        upload.send(2, breaking_off(b"half"))
    third = upload.send(3, PARTS[2])
    assert upload.arrived() == [1, 3]
    upload.complete(first, upload.send(2, PARTS[1]), third)
    assert files.get("1/r/artifacts/big.bin").body == b"".join(PARTS)


def test_a_part_that_is_sent_twice_counts_as_it_was_last(files: Files, upload: Upload) -> None:
    old = upload.send(1, b"old")
    etags = [upload.send(n, part) for n, part in enumerate(PARTS, 1)]
    assert upload.arrived() == [1, 2, 3]
    with pytest.raises(InvalidValue, match="is another"):
        upload.complete(old, *etags[1:])
    upload.complete(*etags)
    assert files.get("1/r/artifacts/big.bin").body == b"".join(PARTS)


def test_a_part_that_is_missing_is_named_and_the_rest_kept(files: Files, upload: Upload) -> None:
    etags = [upload.send(1, PARTS[0]), "", upload.send(3, PARTS[2])]
    with pytest.raises(InvalidValue, match="Part 2"):
        upload.complete(*etags)
    assert upload.arrived() == [1, 3]
    with pytest.raises(NotFound):
        files.get("1/r/artifacts/big.bin")


def test_parts_that_make_up_another_file_than_was_meant_replace_nothing(
    files: Files, upload: Upload
) -> None:
    etags = [upload.send(n, part) for n, part in enumerate(PARTS, 1)]
    parts = [{"part_number": n, "etag": etag} for n, etag in enumerate(etags, 1)]
    for wrong in (hashlib.sha256(b"other").hexdigest(), "x"):
        with pytest.raises(InvalidValue, match="another file"):
            upload.post("complete", upload_id=upload.id, parts=parts, sha256=wrong)
    with pytest.raises(NotFound):
        files.get("1/r/artifacts/big.bin")
    right = hashlib.sha256(b"".join(PARTS)).hexdigest()
    upload.post("complete", upload_id=upload.id, parts=parts, sha256=right)
    assert files.get("1/r/artifacts/big.bin").body == b"".join(PARTS)
    assert [path for path in files.on_disk() if "incoming" in path] == []


def test_an_upload_that_is_aborted_leaves_nothing(files: Files, upload: Upload) -> None:
    upload.send(1, PARTS[0])
    upload.post("abort", upload_id=upload.id)
    assert files.on_disk() == []
    with pytest.raises(NotFound):
        upload.send(1, PARTS[0])
    with pytest.raises(NotFound):
        upload.complete('"x"')


def test_an_upload_is_for_the_file_that_it_was_begun_for(upload: Upload) -> None:
    etag = upload.send(1, PARTS[0])
    parts = [{"part_number": 1, "etag": etag}]
    for other in ({"path": "/x/other.bin"}, {"artifact_path": "1/other/artifacts"}):
        for what in ("complete", "abort"):
            with pytest.raises(InvalidValue, match="another file"):
                upload.post(what, upload_id=upload.id, parts=parts, **other)
    assert upload.arrived() == [1]


@pytest.mark.parametrize("upload_id", ["x", "../../x", "A" * 32, "a/" * 16])
def test_an_unknown_upload_is_not_found(files: Files, upload_id: str) -> None:
    with pytest.raises(NotFound):
        files("PUT", f"{PROXY}/mpu/part", b"x", upload_id=upload_id, part_number="1")
    with pytest.raises(NotFound):
        files("GET", f"{PROXY}/mpu/parts", upload_id=upload_id)
    assert files.on_disk() == []


@pytest.mark.parametrize("number", ["0", "-1", "10001", "x"])
def test_a_part_needs_a_number_within_limits(files: Files, upload: Upload, number: str) -> None:
    with pytest.raises(InvalidValue):
        files("PUT", f"{PROXY}/mpu/part", b"x", upload_id=upload.id, part_number=number)
    assert upload.arrived() == []


@pytest.mark.parametrize("fields", [{"num_parts": 0}, {"num_parts": 10_001}, {"path": "a/.."}])
def test_an_upload_that_cannot_be_is_refused(upload: Upload, fields: dict[str, Any]) -> None:
    if fields.get("num_parts") == 0:
        # The protocol's zero is a field that was not sent.
        assert len(upload.post("create", **fields).json["credentials"]) == 1
        return
    with pytest.raises(InvalidValue):
        upload.post("create", **fields)


def test_a_store_without_parts_says_so_in_the_words_that_clients_know(host, tmp_path) -> None:
    uri = f"sqlite:{tmp_path}/s.db?artifacts=mlflow-artifacts:/&destination=memory:no-parts"
    with pytest.raises(NotSupported) as caught:
        Upload(Files(host, uri, tmp_path))
    text = "Multipart upload is not supported for the current artifact repository"
    assert caught.value.message.startswith(text)
    assert caught.value.error_code == "NOT_IMPLEMENTED"
