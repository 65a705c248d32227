"""Guardrails and scorers of a database from when the gateway kept scorers itself."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path

import pytest
import sqlite_utils
from pegboard.config import Config
from pegboard.host import Host
from pegboard.uris import parse
from pegboard_gateway import starting
from pegboard_gateway.catalog import schema
from pegboard_gateway.catalog.judges import scorers_of
from pegboard_gateway.catalog.store import Store
from pegboard_tracking.store.memory import open_store

JUDGE = json.dumps(
    {"instructions_judge_pydantic_data": {"instructions": "Be kind.", "model": "gateway:/judge"}}
)
OLD = f"""
INSERT INTO gateway_scorer VALUES (1, 's-1', '0', 'kind'), (2, 's-2', '77', 'lost');
INSERT INTO gateway_scorer_version VALUES
    ('s-1', 1, '{JUDGE}', 5), ('s-1', 3, '{{}}', 6), ('s-2', 1, '{{}}', 7);
INSERT INTO gateway_endpoint (id, name, has_fallback, tracked, options, created, updated)
    VALUES ('e-1', 'chat', 0, 0, '{{}}', 1, 1);
INSERT INTO gateway_guardrail VALUES
    (1, 'gr-1', 'polite', 's-1', 1, 'BEFORE', 'VALIDATION', NULL, 8, 'ann');
INSERT INTO gateway_guardrail_config VALUES ('e-1', 'gr-1', 2, 9, 'bob');
"""


@pytest.fixture
def old(tmp_path: Path) -> Store:
    connection = sqlite3.connect(tmp_path / "g.db")
    steps = schema.migrations()
    steps.apply(sqlite_utils.Database(connection), stop_before="third")
    connection.executescript("PRAGMA foreign_keys = ON;" + OLD)
    connection.close()
    return Store(tmp_path / "g.db", tmp_path / "key")


def test_guardrails_keep_their_judges_and_scorers_move(
    old: Store, caplog: pytest.LogCaptureFixture
) -> None:
    tracking = open_store(parse("memory:"), {})
    starting.move_scorers(old, lambda: tracking)
    [place] = old.guardrails.of_endpoint("e-1")
    assert (place.order, place.created_at, place.created_by) == (2, 9, "bob")
    made = place.guardrail
    assert (made.name, made.created_by, made.stage, made.scorer.name) == (
        "polite",
        "ann",
        "BEFORE",
        "kind",
    )
    assert (made.scorer.scorer_id, made.scorer.version, made.scorer.created_time) == ("s-1", 1, 5)
    assert made.table().options == {"endpoint": "judge", "rule": "Be kind."}
    scorers = scorers_of(tracking)
    assert [each.serialized for each in scorers.versions("0", "kind")] == [JUDGE, "{}"]
    # What cannot move stays, and is told; what has moved does not move again.
    assert "the scorer 'lost' of the experiment 77" in caplog.text
    starting.move_scorers(old, lambda: tracking)
    assert len(scorers.versions("0", "kind")) == 2
    old.close()


def test_without_a_store_for_them_nothing_is_lost(
    old: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def none() -> object:
        return Host(Config()).tracking_store("nothing-that-is:there")

    starting.move_scorers(old, none)  # type: ignore[arg-type]
    assert caplog.records[-1].levelno == logging.WARNING
    assert "cannot move its scorers" in caplog.text
    tracking = open_store(parse("memory:"), {})
    starting.move_scorers(old, lambda: tracking)
    assert len(scorers_of(tracking).latest()) == 1
    old.close()
