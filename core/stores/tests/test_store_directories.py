"""A directory that is made for a store is its owner's alone, unless people share the place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_stores.directories import make_store_directory
from pegboard_stores.sqlite import Database


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Let files be made as on most machines: others may read them."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("parent", "umask", "made"),
    [
        (0o700, 0o022, 0o700),
        (0o755, 0o022, 0o700),
        (0o755, 0o002, 0o700),
        (0o1777, 0o022, 0o700),
        (0o775, 0o022, 0o755),
        (0o775, 0o002, 0o775),
        (0o770, 0o007, 0o770),
        (0o2755, 0o022, 0o755),
        (0o2775, 0o077, 0o700),
        (0o777, 0o000, 0o777),
    ],
    ids=lambda number: f"{number:o}",
)
def test_what_is_made_is_private_unless_the_place_is_shared(
    tmp_path: Path, parent: int, umask: int, made: int
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(parent)
    os.umask(umask)
    make_store_directory(place / "runs" / "deep")
    assert mode(place / "runs") == made
    assert (place / "runs" / "deep").is_dir()
    assert mode(place) == parent & 0o777


def test_a_directory_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    make_store_directory(tmp_path / "runs")
    assert mode(tmp_path / "runs") == 0o755


def test_the_files_of_a_store_follow_the_umask_so_that_one_chmod_shares_them(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "runs" / "store.db")
    with database.writing() as connection:
        connection.execute("CREATE TABLE t (a)")
    assert mode(tmp_path / "runs") == 0o700
    assert {mode(file) for file in (tmp_path / "runs").iterdir()} == {0o644}
    database.close()
