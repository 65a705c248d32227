"""Files in parts, and servers that lose answers or take no parts."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard.config import HttpConfig
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound
from pegboard_tracking.client.artifacts import HttpArtifactStore
from pegboard_tracking.client.upload_notes import KEPT_SECONDS
from pegboard_wire.client.connection import connect
from pegboard_wire.client.errors import Unreachable

QUICK = HttpConfig(backoff_seconds=0.01, retries=1)
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
    digests = [hashlib.sha256(CONTENT[at : at + 100]).hexdigest() for at in (0, 100, 200)]
    assert [part["etag"] for part in done.json["parts"]] == [f'"{each}"' for each in digests]
    assert done.json["sha256"] == hashlib.sha256(CONTENT).hexdigest()


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


def test_an_upload_that_was_completed_while_it_is_completed_again_is_complete(
    server, answers, write, fault
) -> None:
    gone = fault(404, {}, json.dumps(GONE).encode())
    answers["mpu/complete/0/run"] = [fault(drop=True), gone]
    answers["mlflow-artifacts/artifacts"] = [{"files": [{"path": "big", "file_size": "250"}]}]
    write()
    assert server.calls("abort/0/run") == []
    answers["mpu/complete/0/run"] = [gone]
    with pytest.raises(NotFound):
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


# -- uploads that another process began ------------------------------------------------------------


class Sender:
    """Sends a file on the disk; what a killed process leaves behind is as after a lost server."""

    def __init__(self, url: str, place: Path) -> None:
        self.file = place / "big"
        self.file.write_bytes(CONTENT)
        self.state = place / "state"
        self._files = HttpArtifactStore(connect(url, QUICK), "0/run")

    def send(self) -> None:
        with self.file.open("rb") as content:
            self._files.write("big", content)

    def notes(self) -> list[Path]:
        return [*self.state.glob("**/uploads/*")]


@pytest.fixture
def sender(server, write, tmp_path, monkeypatch) -> Sender:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Sender(server.url, tmp_path)


@pytest.fixture
def begun(server, sender, answers, fault) -> Sender:
    """A sender whose upload broke off after the first of three parts."""
    answers["mpu/part"] = [{}, fault(drop=True)]
    with pytest.raises(Unreachable):
        sender.send()
    assert server.calls("abort/0/run") == []
    assert len(sender.notes()) == 1
    server.seen.clear()
    answers["mpu/part"] = [{}]
    etag = hashlib.sha256(CONTENT[:100]).hexdigest()
    answers["mpu/parts"] = [{"parts": [{"part_number": 1, "etag": f'"{etag}"', "size": "100"}]}]
    return sender


def sent(server) -> list[str]:
    return [seen.query["part_number"] for seen in server.calls("mpu/part")]


def test_only_what_has_not_arrived_is_sent(server, begun) -> None:
    begun.send()
    assert sent(server) == ["2", "3"]
    [done] = server.calls("complete/0/run")
    assert done.json["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert server.calls("create/0/run") == begun.notes() == []


def test_an_upload_goes_on_with_parts_of_the_size_that_it_began_with(
    server, begun, monkeypatch
) -> None:
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "70")
    begun._files = HttpArtifactStore(connect(server.url, QUICK), "0/run")
    begun.send()
    assert [len(seen.body) for seen in server.calls("mpu/part")] == [100, 50]


def test_a_file_that_changes_amid_the_rest_is_sent_anew(server, begun, answers) -> None:
    answer, changed = server.fault, bytes(reversed(CONTENT))

    def change_after_part_2(seen):
        if seen.query.get("part_number") == "2" and not server.calls("create/0/run"):
            begun.file.write_bytes(changed)
        return answer(seen)

    answers["mpu/create/0/run"] = [{"upload_id": "v"}]
    server.fault = change_after_part_2
    begun.send()
    assert [seen.json["upload_id"] for seen in server.calls("abort/0/run")] == ["u"]
    [done] = server.calls("complete/0/run")
    assert done.json["upload_id"] == "v"
    assert done.json["sha256"] == hashlib.sha256(changed).hexdigest()
    assert b"".join(seen.body for seen in server.calls("mpu/part")[-3:]) == changed
    assert begun.notes() == []


def test_the_upload_of_a_file_that_was_changed_is_given_up(server, begun) -> None:
    begun.file.write_bytes(b"x" * 250)
    begun.send()
    assert sent(server) == ["1", "2", "3"]
    assert len(server.calls("abort/0/run")) == 1
    assert begun.notes() == []


def test_an_upload_that_the_server_forgot_amid_the_rest_begins_anew(
    server, begun, answers, fault
) -> None:
    answers["mpu/part"] = [fault(404, {}, json.dumps(GONE).encode()), {}]
    begun.send()
    assert sent(server) == ["2", "1", "2", "3"]
    assert begun.notes() == []


def test_the_note_of_a_refused_upload_is_removed(server, begun, answers, fault) -> None:
    said = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Part 2 has not arrived."}
    answers["mpu/complete/0/run"] = [fault(400, {}, json.dumps(said).encode())]
    with pytest.raises(InvalidValue, match="Part 2"):
        begun.send()
    assert len(server.calls("abort/0/run")) == 1
    assert begun.notes() == []


@pytest.mark.parametrize("text", ["", "{", "[]", "[1, 2, 3]", '["u", 0, [1]]', '["u", 9, 1]'])
def test_a_note_that_cannot_be_read_says_nothing(server, begun, text) -> None:
    begun.notes()[0].write_text(text)
    begun.send()
    assert sent(server) == ["1", "2", "3"]
    assert begun.notes() == []


def test_a_note_that_nobody_takes_up_is_removed_in_time(begun) -> None:
    (note,) = begun.notes()
    old, recent = note.with_name("0.json"), note.with_name("1.json")
    for other, age in ((old, KEPT_SECONDS + 60), (recent, KEPT_SECONDS - 3600)):
        other.write_bytes(note.read_bytes())
        os.utime(other, (time.time() - age,) * 2)
    begun.send()
    assert begun.notes() == [recent]


def test_a_machine_that_keeps_no_notes_sends_files_all_the_same(server, sender) -> None:
    sender.state.write_text("no directory")
    sender.send()
    assert sent(server) == ["1", "2", "3"]


def test_what_is_no_file_on_the_disk_is_not_noted(server, sender, write, answers, fault) -> None:
    answers["mpu/part"] = [fault(drop=True)]
    with pytest.raises(Unreachable):
        write()
    assert sender.notes() == []
