"""Predictions for whole files, in pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

from pegboard_models import SchemaMismatch
from pegboard_server import Failure

from pegboard_serving import answers, json_text, payloads, tables
from pegboard_serving.scorer import Scorer


def of_csv(scorer: Scorer, stream: IO[str], rows: int | None) -> Iterator[Any]:
    """Yield the predictions for each piece of a table: of ``rows`` rows, or all at once."""
    for table in tables.pieces(stream, scorer.expected.schema, rows):
        yield answers.plain(scorer.predict(table))


def of_lines(scorer: Scorer, stream: IO[str], rows: int | None) -> Iterator[Any]:
    """Yield the predictions for each piece of a stream that has a record on each line."""
    lines = enumerate(stream, 1)
    first = 1
    while piece := list(islice(lines, rows)):
        records = [_record(line, number) for number, line in piece if line.strip()]
        if records:
            payload = payloads.from_fields({"dataframe_records": records}, scorer.expected)
            try:
                data = payload.input(scorer.expected.layout)
            except SchemaMismatch as error:
                where = f"{error.message} Row 0 is line {first}."
                raise SchemaMismatch(where, column=error.column, hint=error.hint) from None
            yield answers.plain(scorer.predict(data, checked=payload.is_checked))
        first = piece[-1][0] + 1


def _record(line: str, number: int) -> Any:
    try:
        return json_text.loads(line)
    except ValueError as error:
        text = f"Line {number} is not valid JSON: {error}."
        raise Failure(400, "BAD_REQUEST", text) from None


def of_body(scorer: Scorer, text: str) -> tuple[Any, bool]:
    """Return the predictions for one body in the form of a request, and whether they stand bare."""
    payload = payloads.from_fields(payloads.parsed(text.encode()), scorer.expected)
    data = payload.input(scorer.expected.layout)
    predictions = scorer.predict(data, payload.params, checked=payload.is_checked)
    return answers.plain(predictions), payload.bare


def as_document(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Yield predictions as ``{"predictions": …}``, piece by piece; they must be lists to be joined.

    Predictions that are not a list stand alone, as in an answer to a request.
    """
    opening = b'{"predictions": ['
    for piece in pieces:
        text = answers.dumps(piece)
        if not isinstance(piece, (list, tuple)):
            yield b'{"predictions": ' + text + b"}\n"
            return
        if piece:
            yield opening + text[1:-1]
            opening = b", "
    yield (opening if opening != b", " else b"") + b"]}\n"


def as_lines(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Yield predictions one on each line."""
    for piece in pieces:
        each = piece if isinstance(piece, (list, tuple)) else [piece]
        yield b"".join(answers.dumps(item) + b"\n" for item in each)
