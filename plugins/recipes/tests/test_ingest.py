"""Data of many forms, and loaders with any arguments."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pegboard.errors import InvalidValue, Refused
from pegboard_recipes import fetching, project
from pegboard_recipes.api import Recipe
from pegboard_wire.outbound import Guard

from .small import begun, line
from .test_bad_input import RECIPE, TRAIN

ROWS = line(20)[["x", "y"]]


def _csv(root: Path) -> str:
    ROWS.to_csv(root / "a.csv", index=False)
    return "{using: csv, location: a.csv}"


def _json(root: Path) -> str:
    ROWS.to_json(root / "a.json", orient="records", lines=True)
    return "{using: json, location: a.json}"


def _uri(root: Path) -> str:
    ROWS.to_parquet(root / "a b.parquet")
    return f"{{using: parquet, location: '{(root / 'a b.parquet').as_uri()}'}}"


def _folder(root: Path) -> str:
    (root / "many/more").mkdir(parents=True)
    ROWS[:5].to_csv(root / "many/1.csv", index=False)
    ROWS[5:].to_csv(root / "many/more/2.csv", index=False)
    (root / "many/notes.txt").write_text("not data")
    (root / "many/.hidden.csv").write_text("not data")
    return "{using: csv, location: many}"


def _list(root: Path) -> str:
    ROWS[:5].to_parquet(root / "1.parquet")
    ROWS[5:].to_parquet(root / "2.parquet")
    return "{using: parquet, location: [1.parquet, 2.parquet]}"


def _sql(root: Path) -> str:
    connection = sqlite3.connect(root / "a.db")
    ROWS.to_sql("rows", connection, index=False)
    connection.close()
    return f"{{using: sql, location: 'sqlite:///{root}/a.db', sql: SELECT * FROM rows}}"


FORMS = [_csv, _json, _uri, _folder, _list, _sql]


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_need_no_loader(place: Path, form: Callable[[Path], str]) -> None:
    root = begun(place / "r", ROWS, TRAIN, RECIPE).directory
    given = form(root)
    old = RECIPE[RECIPE.index("  ingest:") : RECIPE.index("  split:")]
    (root / "recipe.yaml").write_text(RECIPE.replace(old, f"  ingest: {given}\n"))
    recipe = Recipe("local", directory=root)
    recipe.run("ingest")
    found = recipe.get_artifact("ingested_data")[["x", "y"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, ROWS, check_dtype=False)
    assert recipe.plan("split")[0].state.basis is not None
    # Asked for by name, it looks again.
    assert recipe.plan("ingest")[0].runs


def one(path: str) -> Any:
    return (path,)


def two(path: str, form: str) -> Any:
    return path, form


def rest(path: str, *args: str) -> Any:
    return path, *args


def default(path: str, form: str = "?") -> Any:
    return path, form


def named(*, file_path: str, file_format: str) -> Any:
    return file_path, file_format


def mixed(path: str, *, file_format: str) -> Any:
    return path, file_format


def anything(**given: str) -> Any:
    return given["file_path"], given["file_format"]


def test_loaders_get_as_much_as_they_take() -> None:
    for loader in (two, rest, default, named, mixed, anything):
        assert project.call_loader(loader, "a.csv", "csv") == ("a.csv", "csv"), loader
    assert project.call_loader(one, "a.csv", "csv") == ("a.csv",)
    with pytest.raises(InvalidValue):
        project.call_loader(lambda: None, "a.csv", "csv")


def test_urls_pass_the_guard(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1/a.csv", "http://localhost/a.csv", "http://169.254.169.254/x"):
        with pytest.raises(Refused):
            fetching.fetch(url, tmp_path)


def test_a_url_is_fetched(tmp_path: Path) -> None:
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            moved = self.path == "/old.csv"
            self.send_response(302 if moved else 200 if self.path == "/a%20b.csv" else 404)
            if moved:
                self.send_header("Location", "/a%20b.csv")
            self.end_headers()
            if not moved:
                self.wfile.write(b"x\n1\n")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        guard = Guard(["127.0.0.1"])
        assert fetching.fetch(f"{base}/a%20b.csv", tmp_path, guard).name == "a b.csv"
        assert fetching.fetch(f"{base}/old.csv", tmp_path, guard).read_text() == "x\n1\n"
        with pytest.raises(InvalidValue, match="404"):
            fetching.fetch(f"{base}/none.csv", tmp_path, guard)
        server.shutdown()
