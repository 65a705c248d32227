"""BODY: bodies that are broken, deep, too large, or larger than they look."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import pytest
from target import API, FILES, HOST, PROXY, Target, refused

SEARCH = f"{API}/experiments/search"
JSON = {"Content-Type": "application/json"}
SPANS = {"x-mlflow-experiment-id": "0", "Content-Type": "application/x-protobuf"}


def sent(target: Target, body: bytes, path: str = SEARCH) -> Any:
    return target("POST", path, body=body, headers=JSON)


def test_body_1_a_body_that_is_too_long_is_refused(hasty: Target) -> None:
    body = b'{"a":"' + b"x" * (1 << 20) + b'"}'
    assert sent(hasty, body).status == 413
    head = f"POST {SEARCH} HTTP/1.1\r\nContent-Type: application/json\r\n".encode() + HOST
    assert hasty.raw(head + b"Content-Length: 99999999999\r\n\r\n").status == 413
    chunks = b"10000\r\n" + b" " * 65536 + b"\r\n"
    assert hasty.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 17).status == 413
    assert hasty.is_well()


@pytest.mark.parametrize("begin, end", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [1_100, 10_000, 1_000_000])
def test_body_2_deep_nesting_is_refused(
    target: Target, begin: bytes, end: bytes, depth: int
) -> None:
    refused(sent(target, b'{"filter":' + begin * depth + b"1" + end * depth + b"}"))
    assert target.is_well()


@pytest.mark.parametrize(
    "body",
    [
        b'{"max_results":1',
        b'{"max_results":',
        b"{max_results: 1}",
        b"[1]",
        b"null",
        b'"text"',
        b'{"a":1}{"b":2}',
        b"\x00",
        b"",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"filter":"\xff"}',
        b'{"filter":"\xed\xa0\x80"}',
        b'{"filter":"\\ud800"}',
        b'{"filter":"\\udc00\\ud800"}',
        b'{"max_results":NaN}',
        b'{"max_results":Infinity}',
        b'{"max_results":1e400}',
        b'{"max_results":01}',
        b"<xml/>",
    ],
)
def test_body_3_what_is_not_a_json_object_is_refused(target: Target, body: bytes) -> None:
    if body:
        refused(sent(target, body))
    else:
        refused(sent(target, body, f"{API}/experiments/create"))


HUGE = (2**63, -(2**64), 10**30, "9223372036854775808", 1e30, "1e400", 10**300, "9" * 5000)


@pytest.mark.parametrize("number", HUGE, ids=lambda number: str(number)[:24])
def test_body_4_a_number_beyond_64_bits_is_refused(target: Target, number: Any) -> None:
    run = target.run()
    metric = {"run_id": run, "key": "m", "value": 1, "timestamp": 1}
    refused(
        target("POST", f"{API}/runs/log-metric", {**metric, "step": number}),
        target("POST", f"{API}/runs/log-metric", {**metric, "timestamp": number}),
        target("POST", f"{API}/runs/create", {"experiment_id": "0", "start_time": number}),
        target("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "max_results": number}),
    )
    assert "metrics" not in target("GET", f"{API}/runs/get?run_id={run}").json["run"]["data"]


def test_body_5_a_key_that_comes_twice_is_read_in_one_way(target: Target) -> None:
    body = b'{"name":"first of two","name":"second of two"}'
    assert sent(target, body, f"{API}/experiments/create").status == 200
    asked = f"{API}/experiments/get-by-name?experiment_name="
    assert target("GET", f"{asked}second%20of%20two").status == 200
    assert target("GET", f"{asked}first%20of%20two").status == 404
    refused(sent(target, b'{"run_id":"a","runId":"b"}', f"{API}/runs/delete"))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""]
)
def test_body_6_json_that_does_not_say_so_is_refused(target: Target, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    refused(target("POST", SEARCH, body=b'{"max_results":1}', headers=headers))


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    piece = b"\0" * (1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 20)), packer.flush()])


def test_body_7_what_unpacks_to_very_much_is_refused(target: Target) -> None:
    packed = {**SPANS, "Content-Encoding": "gzip"}
    whole = bomb(256 << 20)
    assert len(whole) < 1 << 20
    refused(
        target("POST", "/v1/traces", body=whole, headers=packed),
        target("POST", "/v1/traces", body=whole[:-20], headers=packed),
        target("POST", "/v1/traces", body=b"no gzip", headers=packed),
        target("POST", "/v1/traces", body=b"", headers={**SPANS, "Content-Encoding": "br"}),
        target(
            "POST",
            SEARCH,
            body=gzip.compress(b"{}", mtime=0),
            headers={**JSON, **packed, **JSON},
        ),
    )


def nested(depth: int) -> bytes:
    """Return so many messages of protocol buffers, each within the one before."""
    message = b""
    for _ in range(depth):
        length, count = b"", len(message)
        while count > 127:
            length += bytes([count & 127 | 128])
            count >>= 7
        message = b"\x0a" + length + bytes([count]) + message
    return message


def test_body_7_spans_that_are_nested_deep_are_refused(target: Target) -> None:
    deep = b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused(
        target("POST", "/v1/traces", body=nested(10_000), headers=SPANS),
        target("POST", "/v1/traces", body=deep, headers={**SPANS, **JSON}),
    )


MANY = {
    "application/x-protobuf": [
        b"\x0a\x00" * 1_000_000,
        b"\x10\x00" * 2_000_000,
    ],
    "application/json": [
        b'{"resourceSpans":[' + b"{}," * 5_000_000 + b"{}]}",
        b'{"resourceSpans":[' + b"[]," * 5_000_000 + b"[]]}",
    ],
}


@pytest.mark.parametrize(
    "kind, number", [(kind, n) for kind in MANY for n in range(len(MANY[kind]))]
)
def test_body_7_spans_of_very_many_parts_are_refused_and_others_served(
    target: Target, kind: str, number: int
) -> None:
    body = gzip.compress(MANY[kind][number])
    assert len(body) < 32 << 10
    head = f"POST /v1/traces HTTP/1.1\r\nContent-Type: {kind}\r\n".encode() + HOST
    head += b"x-mlflow-experiment-id: 0\r\nContent-Encoding: gzip\r\n"
    with target.connect() as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert target("POST", SEARCH, {"max_results": 1}).status == 200
        received = connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"The body has more than" in received


def test_body_7_json_of_very_many_values_is_refused_and_others_served(target: Target) -> None:
    body = b'{"filter":[' + b"{}," * 5_000_000 + b"{}]}"
    for path in (SEARCH, f"{API}/runs/log-batch", f"{API}/runs/log-metric"):
        head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n".encode() + HOST
        with target.connect() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert target("POST", SEARCH, {"max_results": 1}).status == 200
            received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 413 ")
        assert b"more than 200000 names and values" in received


COMMAS = b"," * 1_000_000
WIDE = {
    "text/csv": [COMMAS + b"\n", b"a\n" + COMMAS + b"\n", b'"a\n' + b'\n","' * 20_000 + b'"\n'],
    "application/json": [
        b'{"dataframe_split":{"columns":["a"],"data":[[1' + b",1" * 200_000 + b"]]}}",
        b'{"dataframe_split":{"columns":["a"' + b',"a"' * 200_000 + b'],"data":[[1]]}}',
        b'{"dataframe_records":[{' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}]}",
        b'{"instances":[{' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}]}",
        b'{"inputs":{' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}}",
    ],
}


@pytest.mark.parametrize(
    "kind, number",
    [(kind, number) for kind, bodies in WIDE.items() for number in range(len(bodies))],
)
def test_body_8_a_table_of_too_many_columns_is_refused(
    scoring: Target, kind: str, number: int
) -> None:
    reply = scoring("POST", "/invocations", body=WIDE[kind][number], headers={"Content-Type": kind})
    refused(reply)
    assert "columns" in reply.text or "values" in reply.text


def parquet(table: Any) -> bytes:
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(table, content, compression="zstd")
    assert content.tell() < 1 << 20
    return content.getvalue()


def test_body_8_a_table_that_unpacks_to_very_much_is_refused(scoring: Target) -> None:
    import numpy as np
    import pyarrow as pa

    many = pa.table({"a": np.zeros(20_000_000)})
    long = pa.DictionaryArray.from_arrays(np.zeros(4_000, "int32"), ["x" * 1_000_000])
    lists = pa.array([[1.0]] * 10)
    fixed = pa.array([b"x" * 1_000], pa.binary(1_000))
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    for table in (many, *(pa.table({"a": column}) for column in (long, lists, fixed))):
        refused(scoring("POST", "/invocations", body=parquet(table), headers=headers))
    for broken in (
        b"PAR1",
        b"PAR1" + b"\xff" * 100 + b"PAR1",
        parquet(pa.table({"a": [1.0]}))[:-9],
    ):
        refused(scoring("POST", "/invocations", body=broken, headers=headers))
    plain = pa.table({"a": [1.0, 2.0]})
    reply = scoring("POST", "/invocations", body=parquet(plain), headers=headers)
    assert reply.status == 200, reply


def test_leak_7_a_model_at_fault_tells_no_more_than_that(scoring: Target) -> None:
    for body in (b'{"inputs":[["x"]]}', b'{"dataframe_split":{"data":[[{}]]}}', b"{", b'{"a":1}'):
        reply = scoring(
            "POST", "/invocations", body=body, headers={"Content-Type": "application/json"}
        )
        refused(reply)
        assert str(scoring.place) not in reply.text
        assert "File " not in reply.text


def test_body_9_half_a_file_is_none(target: Target) -> None:
    head = f"PUT {PROXY}/mine/half HTTP/1.1\r\n".encode() + HOST
    with target.connect() as connection:
        connection.sendall(head + b"Content-Length: 1000000\r\n\r\n" + b"half")
    with target.connect() as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno chunk")
        connection.recv(1000)
    digest = {"Repr-Digest": f"sha-256=:{'A' * 43}=:"}
    refused(target("PUT", f"{PROXY}/mine/half", body=b"another", headers=digest))
    assert target("GET", f"{PROXY}/mine/half").status == 404


@pytest.mark.parametrize("number", ["0", "-1", "10001", "9223372036854775808", "x", "1.5", ""])
def test_body_9_a_part_of_an_upload_has_a_number(target: Target, number: str) -> None:
    made = target("POST", f"{FILES}/mpu/create/mine", {"path": "parts"}).json
    part = f"{FILES}/mpu/part?upload_id={made['upload_id']}&part_number={number}"
    refused(target("PUT", part, body=b"x"))
