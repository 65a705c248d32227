"""``pegboard models predict``: files in, predictions out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidValue, PegboardError
from pegboard_models.enforcement import SchemaMismatch
from pegboard_server.failures import Failure
from pegboard_serving import batch
from pegboard_serving.loading import load
from pegboard_serving.scorer import ModelFault, Scorer

from .conftest import ECHO_ROW, run

CSV = "a,b,c\n1,2,3\n2,2,-1\n-1,0.5,0.25\n"
LINES = '{"a":1,"b":2,"c":3}\n{"c":-1,"a":2,"b":2}\n\n{"a":-1,"b":0.5,"c":0.25}\n'
EXPECTED = [0, 1, 0]


def test_csv_from_a_file_to_a_file(models: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(CSV)
    done = run(
        *("predict", "-m", str(models / "table"), "-i", "in.csv", "-o", "out.json"), place=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == {"predictions": EXPECTED}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.json"]


@pytest.fixture(scope="module")
def scorer(models: Path) -> Scorer:
    return Scorer(load(models / "table", ()))


@pytest.mark.parametrize("rows", [None, 1, 2, 3])
def test_csv_in_pieces_of_any_size_gives_one_document(scorer: Scorer, rows: int | None) -> None:
    pieces = batch.as_document(batch.of_csv(scorer, StringIO(CSV), rows))
    assert json.loads(b"".join(pieces)) == {"predictions": EXPECTED}


def test_a_table_without_rows_is_as_the_model_sees_fit(scorer: Scorer) -> None:
    with pytest.raises(ModelFault, match="0 sample"):
        list(batch.of_csv(scorer, StringIO("a,b,c\n"), 2))


def test_lines_give_lines(scorer: Scorer) -> None:
    for rows in (None, 1, 2, 5):
        pieces = batch.as_lines(batch.of_lines(scorer, StringIO(LINES), rows))
        assert [json.loads(line) for line in b"".join(pieces).splitlines()] == EXPECTED


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (batch.of_csv, "", "CSV"),
        (batch.of_csv, "a,b\n1,2\n", "'c'"),
        (batch.of_csv, "a,b,c\n1,2,3\n1,2,3\n1,2,x\n", "row 0: 'x' is not a number"),
        (batch.of_csv, "a,b,c\n1,2,3\n1,2,3\n1,2,x\n", "counted from row 2"),
        (batch.of_lines, '{"a":1,"b":2,"c":3}\n{\n', "Line 2"),
        (batch.of_lines, '{"a":1,"b":2,"c":3}\n3\n', "Row 1"),
        (batch.of_lines, '\n\n{"a":1,"b":"x","c":3}\n', "Row 0 is line 3"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    scorer: Scorer, read: Callable[..., Iterator[Any]], text: str, said: str
) -> None:
    with pytest.raises((Failure, SchemaMismatch)) as caught:
        list(read(scorer, StringIO(text), 2))
    assert said in getattr(caught.value, "message", "")


def test_bad_input_is_an_error_that_leaves_no_file(models: Path, tmp_path: Path) -> None:
    arguments = ("predict", "-m", str(models / "table"), "-t", "csv", "-o", "out")
    done = run(*arguments, "--chunk-rows", "1", place=tmp_path, stdin=CSV + "1,2,x\n")
    assert done.returncode == 2
    assert "'x' is not a number" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(models: Path, tmp_path: Path) -> None:
    done = run("predict", "-m", str(models / "table"), "-i", "no.csv", place=tmp_path)
    assert done.returncode == 2
    assert "no.csv" in done.stderr


def test_a_custom_model_gets_all_rows_at_once_and_needs_trust(models: Path, tmp_path: Path) -> None:
    body = json.dumps({"dataframe_records": [ECHO_ROW]})
    arguments = ("predict", "-m", str(models / "echo"))
    done = run(*arguments, place=tmp_path, stdin=body)
    assert done.returncode == 1 and "--trust pickle" in done.stderr
    done = run(*arguments, "--trust", "pickle", place=tmp_path, stdin=body)
    assert json.loads(done.stdout)["predictions"][0]["text"] == "é"


class Endless(StringIO):
    """A stream of rows that never ends: who reads on and on never returns."""

    def __init__(self, head: str, row: str) -> None:
        super().__init__(head)
        self._row = row

    def read(self, size: int | None = -1) -> str:
        assert size is not None and size > 0
        return (super().read(size) or self._row * (size // len(self._row) + 1))[:size]

    def __next__(self) -> str:
        return self._row


def test_a_table_without_end_is_predicted_from_as_it_comes(scorer: Scorer) -> None:
    row = "1.25,2,0.5\n"
    head = "a,b,c\n"
    for pieces in (
        batch.of_csv(scorer, Endless(head, row), 500),
        batch.of_lines(scorer, Endless("", '{"a":1.25,"b":2,"c":0.5}\n'), 500),
    ):
        assert [next(pieces) for _ in range(3)] == [[1] * 500] * 3


def test_scripts_predict_in_a_process_of_its_own_too(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, target = pd.read_csv(StringIO(CSV)), tmp_path / "out.json"
    pegboard.models.predict(models / "table", table, content_type="csv", output_path=target)
    assert json.loads(target.read_text()) == {"predictions": EXPECTED}
    pegboard.models.predict(str(models / "table"), table)
    assert json.loads(capsys.readouterr().out) == {"predictions": EXPECTED}
    with pytest.raises(PegboardError, match="'conda' is not supported"):
        pegboard.models.predict(models / "table", table, env_manager="conda")


def test_scripts_are_told_what_they_left_out(models: Path) -> None:
    with pytest.raises(InvalidValue, match="input_data or input_path"):
        pegboard.models.predict(models / "table")
    with pytest.raises(InvalidValue, match="CSV"):
        pegboard.models.predict(models / "table", [1, 2], content_type="csv")
