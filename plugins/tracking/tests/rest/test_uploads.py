"""Files in parts, and servers that lose answers or take no parts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue
from pegboard_tracking.plugin import pegboard_settings
from pegboard_tracking.rest.artifacts import HttpArtifactStore
from pegboard_tracking.rest.connection import connect
from pegboard_tracking.rest.errors import Unreachable

QUICK = {**pegboard_settings(), "http_backoff_seconds": 0.01, "http_retries": 1}
CONTENT = bytes(range(250))
GONE = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such upload"}


@pytest.fixture
def answers(server, fault) -> dict[str, list[object]]:
    """What the server answers by the end of a path: one after the other, and the last for ever."""
    found: dict[str, list[object]] = {
        "abilities": [{"resumable_uploads": True}],
        "mpu/create/0/run": [{"upload_id": "u"}],
        "mpu/part": [{}],
        "mpu/complete/0/run": [{}],
        "mpu/parts": [{"parts": []}],
        "mpu/abort/0/run": [{}],
    }

    def answer(seen):
        for ending, listed in found.items():
            if seen.path.endswith(ending):
                said = listed.pop(0) if len(listed) > 1 else listed[0]
                return (
                    said if isinstance(said, fault) else fault(200, {}, json.dumps(said).encode())
                )
        return fault(404)

    server.fault = answer
    return found


@pytest.fixture
def write(server, answers, monkeypatch) -> Callable[[], FileInfo]:
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "200")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "100")
    files = HttpArtifactStore(connect(server.url, QUICK), "0/run")
    return lambda: files.write("big", io.BytesIO(CONTENT))


def test_a_big_file_is_sent_in_parts(server, write) -> None:
    assert write() == FileInfo("big", False, 250)
    parts = server.calls("mpu/part")
    assert [seen.query["part_number"] for seen in parts] == ["1", "2", "3"]
    assert b"".join(seen.body for seen in parts) == CONTENT
    [done] = server.calls("complete/0/run")
    assert (done.json["path"], done.json["upload_id"]) == ("big", "u")


def test_a_part_that_breaks_off_is_sent_again_and_no_other(server, answers, write, fault) -> None:
    answers["mpu/part"] = [{}, fault(drop=True), {}]
    write()
    numbers = [seen.query["part_number"] for seen in server.calls("mpu/part")]
    assert numbers == ["1", "2", "2", "3"]
    assert server.calls("mpu/part")[2].body == CONTENT[100:200]


def test_an_upload_whose_last_answer_is_lost_is_seen_to_be_complete(
    server, answers, write, fault
) -> None:
    answers["mpu/complete/0/run"] = [fault(drop=True)]
    answers["mpu/parts"] = [fault(404, {}, json.dumps(GONE).encode())]
    answers["mlflow-artifacts/artifacts"] = [{"files": [{"path": "big", "file_size": "250"}]}]
    write()
    assert len(server.calls("complete/0/run")) == 1
    answers["mlflow-artifacts/artifacts"] = [{"files": [{"path": "big", "file_size": "7"}]}]
    with pytest.raises(Unreachable):
        write()


def test_an_upload_that_was_not_completed_is_completed_again(server, answers, write, fault) -> None:
    answers["mpu/complete/0/run"] = [fault(drop=True), {}]
    write()
    assert len(server.calls("complete/0/run")) == 2


def test_an_upload_that_is_refused_is_given_up(server, answers, write, fault) -> None:
    said = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Part 2 has not arrived."}
    answers["mpu/complete/0/run"] = [fault(400, {}, json.dumps(said).encode())]
    with pytest.raises(InvalidValue, match="Part 2"):
        write()
    assert len(server.calls("abort/0/run")) == 1


@pytest.mark.parametrize("taken", ["abilities", "mpu/create/0/run"])
def test_a_server_that_takes_no_parts_gets_the_whole(server, answers, write, fault, taken) -> None:
    answers[taken] = [fault(404)]
    answers["artifacts/0/run/big"] = [{}]
    write()
    assert server.calls("mpu/part") == []
    assert server.calls("run/big")[0].body == CONTENT
