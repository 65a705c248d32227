"""The ending of the file that predictions go to says what is written into it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pegboard.errors import InvalidValue
from pegboard_serving import results

from .conftest import run

CSV = "a,b,c\n1,2,3\n2,2,-1\n-1,0.5,0.25\n"
EXPECTED = [0, 1, 0]


def read(path: Path) -> Any:
    """Return the predictions in a file, by its ending."""
    if path.suffix == ".csv":
        return pd.read_csv(path)["prediction"].tolist()
    if path.suffix == ".parquet":
        return pd.read_parquet(path)["prediction"].tolist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return json.loads(path.read_text())["predictions"]


# Each starts a process: every form is read once, and written from one that is read in pieces.
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("in.csv", "out.parquet"),
        ("in.csv", "OUT.CSV"),
        ("in.json", "out.jsonl"),
        ("in.jsonl", "out.json"),
    ],
)
def test_the_ending_says_the_form(models: Path, tmp_path: Path, name: str, source: str) -> None:
    records = pd.read_csv(io.StringIO(CSV)).to_dict(orient="records")
    text = {
        "in.csv": CSV,
        "in.json": json.dumps({"dataframe_records": records}),
        "in.jsonl": "\n".join(map(json.dumps, records)),
    }[source]
    (tmp_path / source).write_text(text)
    done = run(
        *("predict", "-m", str(models / "table"), "-i", source, "-o", name, "--chunk-rows", "2"),
        place=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"Wrote 3 predictions to {name}." in done.stderr
    written = tmp_path / name
    assert read(written.rename(tmp_path / name.lower())) == EXPECTED


def test_an_option_goes_before_the_ending(models: Path, tmp_path: Path) -> None:
    words = ("predict", "-m", str(models / "table"), "-t", "csv", "--output-format", "csv")
    done = run(*words, "-o", "out.txt", place=tmp_path, stdin=CSV)
    assert (tmp_path / "out.txt").read_text() == "prediction\n0\n1\n0\n", done.stderr
    done = run(*words, place=tmp_path, stdin=CSV)
    assert (done.stdout, done.stderr) == ("prediction\n0\n1\n0\n", "")


@pytest.mark.parametrize("name", ["out.xlsx", "out.csv.gz", "dir.csv/out.txt"])
def test_an_ending_that_says_nothing_is_refused_before_the_model_is_read(
    tmp_path: Path, name: str
) -> None:
    done = run("predict", "-m", "no/such/model", "-o", name, place=tmp_path, stdin=CSV)
    assert done.returncode == 2
    assert name in done.stderr and ".parquet" in done.stderr and "no/such" not in done.stderr


def written(form: str, *pieces: Any) -> bytes:
    target = io.BytesIO()
    results.write(form, pieces, target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ([1.5, float("nan"), None], 'prediction\n1.5\n""\n""\n'),
        (["a,b", 'c"d', "e\nf"], 'prediction\n"a,b"\n"c""d"\n"e\nf"\n'),
        ([{"a": 1, "b": "x"}, {"a": 2}], "a,b\n1,x\n2,\n"),
        ([[0.25, 0.75], [1.0, 0.0]], "0,1\n0.25,0.75\n1.0,0.0\n"),
        ([{"a": [1, 2]}], 'a\n"[1,2]"\n'),
        ({"a": np.array([1, 2]), "b": ["x", "y"]}, "a,b\n1,x\n2,y\n"),
        ({"a": 1, "b": "x"}, "a,b\n1,x\n"),
        ([np.float32(0.5), np.int64(3)], "prediction\n0.5\n3\n"),
        ([True, False], "prediction\nTrue\nFalse\n"),
        ([pd.Timestamp("2024-01-02 03:04:05"), pd.NaT], 'prediction\n2024-01-02T03:04:05\n""\n'),
        ([b"\x00\xff"], 'prediction\n"AP8=\n"\n'),
        ([], "prediction\n"),
        ("text", "prediction\ntext\n"),
    ],
    ids=repr,
)
def test_every_kind_of_prediction_is_a_table(piece: Any, expected: str) -> None:
    assert written("csv", piece).decode() == expected


def test_pieces_of_a_table_have_the_columns_of_the_first() -> None:
    assert written("csv", [{"a": 1, "b": 2}], [{"b": 3}]) == b"a,b\n1,2\n,3\n"
    for form in ("csv", "parquet"):
        with pytest.raises(InvalidValue, match="'c'"):
            written(form, [{"a": 1}], [{"c": 3}])
    with pytest.raises(InvalidValue, match="Parquet"):
        written("parquet", [1], ["text"])


def test_parquet_keeps_types_and_nesting() -> None:
    table = pd.read_parquet(
        io.BytesIO(written("parquet", [{"a": 1, "b": [1.5]}], [{"a": None, "b": []}]))
    )
    assert table["a"].tolist()[0] == 1 and pd.isna(table["a"].tolist()[1])
    assert [list(each) for each in table["b"]] == [[1.5], []]
    assert len(pd.read_parquet(io.BytesIO(written("parquet")))) == 0
