"""Looking into files of runs, asked of a real server: safely, and never at more than is wanted."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pegboard.config import Config
from pegboard.host import Host

from .conftest import served

API = "/api/pegboard/1.0/artifacts"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HTML = b"<html><script>alert(1)</script>"
HUGE = 10 << 30


def parquet(rows: int, **options: int) -> bytes:
    table = pa.table(
        {
            "n": pa.array(range(rows), pa.int64()),
            "x": pa.array([float("nan") if i % 3 else i / 2 for i in range(rows)]),
            "when": pa.array([i * 1000 for i in range(rows)], pa.timestamp("ms")),
            "tags": pa.array([{"a": i, "b": [i]} for i in range(rows)]),
            "raw": pa.array([bytes(i % 5) for i in range(rows)]),
            "big": pa.array([2**63 + i for i in range(rows)], pa.uint64()),
            "none": pa.nulls(rows),
        }
    )
    content = io.BytesIO()
    pq.write_table(table, content, **options)
    return content.getvalue()


FILES = {
    "a/ü \"'<b>;.txt": b"0123456789" * 20_000,
    "page.html": HTML,
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "picture.png": PNG,
    "fake.png": HTML,
    "empty.png": b"",
    "empty.csv": b"",
    "table.csv": b"name,x,when,id,ok,x\n"
    + b"".join(b"r%d,%d.5,2024-01-01,%03d,true,\n" % (i, i, i) for i in range(5_000)),
    "semicolons.csv": "\ufeffa;b\r\n1;x\r\n;y\r\n".encode(),
    "utf16.csv": "a,b\nä,2\n".encode("utf-16"),
    "quoted.csv": b'a,b\n"1\n2","x,""y"""\n3\n4,5,6\n',
    "header.csv": b"only,a,header\n",
    "wide.csv": b",".join(b"c%d" % i for i in range(2_000)) + b"\n" + b"1," * 1_999 + b"1\n",
    "binary.csv": bytes(range(256)) * 10,
    "unclosed.csv": b'a,b\n"' + b"x" * 300_000,
    "table.tsv": b"a\tb\n1,5\tx\nNaN\ty\n-inf\tz\n",
    "rows.jsonl": b'{"a": 1, "b": {"c": [1, 2]}}\n\n{"a": 2.5, "d": "x"}\n[1]\n{"a": null}\n',
    "broken.jsonl": b'{"a": 1}\n{"a": \n',
    "logged.json": json.dumps(
        {"columns": ["q", "score", "q"], "data": [["a", 1, None], ["b", 2.5, "z"], ["c", None, []]]}
    ).encode(),
    "records.json": b'[{"a": 1}, {"b": true}]',
    "other.json": b'{"a": 1}',
    "broken.json": b'{"columns": [',
    "deep.json": b"[" * 100_000 + b"]" * 100_000,
    "deep.jsonl": b'{"a": ' * 5_000 + b"1" + b"}" * 5_000,
    "many.json": b"[" + b"1," * 2_100_000 + b"1]",
    "long.csv": b"a\n" + b"x" * 10_000 + b"\n",
    "full.csv": b"a,b\n" + (b"y" * 1_900 + b"," + b"z" * 1_900 + b"\n") * 3_000,
    "table.parquet": parquet(5_000, row_group_size=700),
    "broken.parquet": parquet(10)[:-30] + b"x" * 30,
    "text.parquet": b"a,b\n1,2\n",
    "short.parquet": b"PAR1",
    "magic.parquet": b"PAR1" + b"\xff" * 1_000 + struct.pack("<I", 900) + b"PAR1",
    "notes.md": b"# x",
    "packed.csv.gz": zlib.compress(b"a,b\n"),
    "paper.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "cut.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrai",
    "headless.pdf": b"%PDF-1.4\n11 0 obj<<>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "fake.pdf": HTML,
    "latin.html": b'<meta charset="latin-1">\xe4',
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Serve a run and a logged model with files; yield the site, the run and the model."""
    place = tmp_path_factory.mktemp("files")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/s.db")
    run = store.create_run("0").info
    kept = host.artifact_store(run.artifact_uri)
    for path, content in FILES.items():
        kept.write(path, io.BytesIO(content))
    kept.write("huge.bin", io.BytesIO(b"start"))
    kept.write("huge.csv", io.BytesIO(b"a,b\n" + b"1,2\n" * 2_000))
    for name in ("huge.bin", "huge.csv"):
        local = kept.local_path(name)
        assert local is not None
        with local.open("r+b") as file:
            file.truncate(HUGE)
    model = store.logged_models().create("0", name="m", source_run_id=run.run_id)
    host.artifact_store(model.artifact_location).write("MLmodel", io.BytesIO(b"flavors: {}"))
    host.close()
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as site:
        yield site, run.run_id, model.model_id


def look(files, path, **fields):
    site, run_id, _ = files
    more = "".join(f"&{name}={value}" for name, value in fields.items())
    return site.get(f"{API}/preview?run_id={run_id}&path={quote(path, safe='')}{more}")


def table(files, path, **fields):
    site, run_id, _ = files
    more = "".join(f"&{name}={value}" for name, value in fields.items())
    return site.get(f"{API}/table?run_id={run_id}&path={quote(path, safe='')}{more}")


@pytest.mark.parametrize("path", sorted(FILES))
def test_nothing_comes_with_the_rights_of_the_page(files, path):
    reply = look(files, path)
    assert reply.status == 200
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["x-artifact-size"] == str(len(FILES[path]))
    if path == "picture.png":
        assert reply.headers["content-type"] == "image/png"
        assert "content-disposition" not in reply.headers
    else:
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.body == FILES[path][: 64 << 10]


def framed(files, path):
    site, run_id, _ = files
    return site.get(f"{API}/frame?run_id={run_id}&path={quote(path, safe='')}")


def test_html_in_a_frame_has_no_origin_and_asks_nobody(files):
    reply = framed(files, "page.html")
    assert (reply.status, reply.body) == (200, HTML)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert framed(files, "latin.html").headers["content-type"] == "text/html"
    rules = dict(
        each.strip().split(" ", 1) for each in reply.headers["content-security-policy"].split(";")
    )
    assert rules["sandbox"] == "allow-scripts"
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'self'"
    assert rules["form-action"] == "'none'"
    # What is not named falls back to nothing: no requests, no frames, no plugins, no workers.
    asks = {"connect-src", "frame-src", "child-src", "worker-src", "object-src", "manifest-src"}
    assert not asks & set(rules)
    assert not any("'self'" in rules[name] for name in ("script-src", "img-src", "style-src"))
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_pdf_in_a_frame_is_one_by_its_bytes(files):
    reply = framed(files, "paper.pdf")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/pdf")
    assert framed(files, "fake.pdf").status == 400
    for broken in ("cut.pdf", "headless.pdf"):
        reply = framed(files, broken)
        assert (reply.status, b"broken PDF" in reply.body) == (400, True)


@pytest.mark.parametrize(
    "path", ["picture.svg", "notes.md", "huge.bin", "empty.csv", "picture.png"]
)
def test_nothing_else_comes_in_a_frame(files, path):
    assert framed(files, path).status == 400


def test_the_kind_of_a_file_is_told(files):
    kinds = {path: look(files, path).headers["x-artifact-type"] for path in FILES}
    assert kinds["page.html"] == "text/html"
    assert kinds["picture.svg"] == "image/svg+xml"
    assert kinds["fake.png"] == "image/png"
    assert kinds["table.csv"] == "text/csv"
    assert kinds["table.parquet"] == "application/vnd.apache.parquet"
    assert kinds["notes.md"] == "text/markdown"
    assert kinds["packed.csv.gz"] == "application/octet-stream"


def test_only_what_is_wanted_is_read_of_a_long_file(files):
    assert look(files, "huge.bin", bytes=8).body == b"start\0\0\0"
    reply = look(files, "huge.bin", bytes=100, offset=HUGE - 10)
    assert (reply.body, reply.headers["x-artifact-size"]) == (bytes(10), str(HUGE))
    assert look(files, "huge.bin", offset=HUGE + 5).body == b""
    assert look(files, "huge.bin", bytes=0).body == b""
    assert look(files, "huge.bin", bytes=5 << 20).status == 400


def test_a_part_of_an_image_is_no_image(files):
    reply = look(files, "picture.png", offset=1)
    assert reply.headers["content-type"] == "application/octet-stream"


def test_an_answer_is_not_sent_again(files):
    site, run_id, _ = files
    path = f"{API}/preview?run_id={run_id}&path=page.html"
    again = site.get(path, If_None_Match=site.get(path).headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_files_of_logged_models(files):
    site, _, model_id = files
    assert site.get(f"{API}/preview?model_id={model_id}&path=MLmodel").body == b"flavors: {}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((path, 404) for path in ("none.txt", "a/none/b", "page.html/x")),
        *((path, 400) for path in ("a", "", ".", "../../s.db", "/etc/passwd", "a/../../x")),
        ("x" * 3_000, 400),
    ],
)
@pytest.mark.parametrize("ask", [look, table])
def test_what_is_no_file_of_the_run(files, ask, path, status):
    assert ask(files, path).status == status


def test_neither_a_run_nor_a_model_or_both(files):
    site, run_id, model_id = files
    for fields in ("", f"&run_id={run_id}&model_id={model_id}"):
        assert site.get(f"{API}/preview?path=page.html{fields}").status == 400
    for fields in ("run_id=gone", "model_id=gone"):
        assert site.get(f"{API}/preview?path=page.html&{fields}").status == 404


def test_a_csv_is_read_by_pages(files):
    answer = table(files, "table.csv", offset=4_998, limit=100).json
    assert answer["columns"] == [
        {"name": "name", "type": "text"},
        {"name": "x", "type": "number"},
        {"name": "when", "type": "text"},
        {"name": "id", "type": "text"},
        {"name": "ok", "type": "boolean"},
        {"name": "x (2)", "type": "text"},
    ]
    assert answer["rows_total"] == 5_000
    assert answer["rows"] == {
        "name": ["r4998", "r4999"],
        "x": [4_998.5, 4_999.5],
        "when": ["2024-01-01"] * 2,
        "id": ["4998", "4999"],
        "ok": [True] * 2,
        "x (2)": ["", ""],
    }
    assert answer["next_offset"] is None
    first = table(files, "table.csv").json
    assert (len(first["rows"]["x"]), first["next_offset"]) == (100, 100)


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("semicolons.csv", {"a": [1, None], "b": ["x", "y"]}),
        ("utf16.csv", {"a": ["ä"], "b": [2]}),
        ("quoted.csv", {"a": ["1\n2", "3", "4"], "b": ['x,"y"', None, "5"]}),
        ("header.csv", {"only": [], "a": [], "header": []}),
        ("table.tsv", {"a": ["1,5", "NaN", "-inf"], "b": ["x", "y", "z"]}),
        (
            "rows.jsonl",
            {
                "a": [1, 2.5, None, None],
                "b": ['{"c":[1,2]}', None, None, None],
                "d": [None, "x", None, None],
                "value": [None, None, "[1]", None],
            },
        ),
        (
            "logged.json",
            {"q": ["a", "b", "c"], "score": [1, 2.5, None], "q (2)": [None, "z", "[]"]},
        ),
        ("records.json", {"a": [1, None], "b": [None, True]}),
    ],
)
def test_rows_of_each_form(files, path, rows):
    answer = table(files, path).json
    assert answer["rows"] == rows
    assert answer["rows_total"] == max(map(len, rows.values()))


def test_a_parquet_file_is_read_by_pages(files):
    answer = table(files, "table.parquet", offset=699, limit=3).json
    assert [each["type"] for each in answer["columns"]] == [
        *("integer", "number", "time", "json", "text", "integer", "text")
    ]
    assert answer["rows"] == {
        "n": [699, 700, 701],
        "x": [349.5, "NaN", "NaN"],
        "when": ["1970-01-01T00:11:39", "1970-01-01T00:11:40", "1970-01-01T00:11:41"],
        "tags": ['{"a":699,"b":[699]}', '{"a":700,"b":[700]}', '{"a":701,"b":[701]}'],
        "raw": ["4 bytes", "0 bytes", "1 bytes"],
        "big": [str(2**63 + each) for each in (699, 700, 701)],
        "none": [None] * 3,
    }
    assert (answer["rows_total"], answer["next_offset"]) == (5_000, 702)
    assert table(files, "table.parquet", offset=4_999).json["rows"]["n"] == [4_999]
    assert table(files, "table.parquet", offset=9_999).json["rows"]["n"] == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("empty.csv", "empty"),
        ("binary.csv", "no text has"),
        ("unclosed.csv", "field larger"),
        ("broken.jsonl", "line 2 is not JSON"),
        ("deep.jsonl", "line 1 is not JSON"),
        ("other.json", '"columns"'),
        ("broken.json", "not JSON"),
        ("deep.json", "not JSON"),
        ("many.json", "2000000 names and values"),
        ("broken.parquet", "not a sound Parquet"),
        ("text.parquet", "not a sound Parquet"),
        ("short.parquet", "not a sound Parquet"),
        ("magic.parquet", "not a sound Parquet"),
        ("page.html", "not a table"),
        ("packed.csv.gz", "not a table"),
    ],
)
def test_what_is_no_table_says_why(files, path, words):
    reply = table(files, path)
    assert reply.status == 400
    assert reply.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert words in reply.json["message"]


def test_answers_have_bounds(files):
    wide = table(files, "wide.csv").json
    assert (len(wide["columns"]), wide["columns_total"]) == (500, 2_000)
    long = table(files, "long.csv").json
    assert long["cut"]
    assert long["rows"]["a"] == ["x" * 2_000 + "…"]
    full = table(files, "full.csv", limit=1_000)
    assert len(full.body) < 5 << 20
    count = len(full.json["rows"]["a"])
    assert (full.json["rows_total"], full.json["next_offset"]) == (3_000, count)
    assert 1_000 < count * 4 < 4_000 * 4
    assert table(files, "table.csv", limit=1_001).status == 400


def test_of_a_table_of_10_gb_only_the_first_rows_are_read(files):
    answer = table(files, "huge.csv", limit=2).json
    assert answer["rows"] == {"a": [1, 1], "b": [2, 2]}
    assert (answer["rows_total"], answer["next_offset"]) == (None, 2)
    far = table(files, "huge.csv", offset=5_000)
    assert far.status == 400
    assert "a line has more than 8 MiB" in far.json["message"]
