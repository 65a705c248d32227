"""Counting the points that each system's store holds, in the working directory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import tracker

_BLOCK = 32_768
"""wandb's file is a LevelDB log: blocks of this size, after a header of 7 bytes."""
_HEADER = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def points(asked: dict[str, Any], prefix: str) -> int:
    """Count the points of all metrics whose name starts so; of given runs where they have ids."""
    if asked["system"] == "trackio":
        return _of_trackio(prefix)
    if asked["system"] == "wandb":
        return _of_wandb(prefix)
    module = tracker(asked)
    client = module.Client() if asked["system"] == "pegboard" else module.MlflowClient()
    return sum(_of_run(client, run_id, prefix) for run_id in asked["run_ids"])


def _of_run(client: Any, run_id: str, prefix: str) -> int:
    keys = [key for key in client.get_run(run_id).data.metrics if key.startswith(prefix)]
    return sum(len(client.get_metric_history(run_id, key)) for key in keys)


def _of_trackio(prefix: str) -> int:
    found = 0
    for file in Path("trackio").rglob("*.db"):
        connection = sqlite3.connect(file)
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'metrics'").fetchone():
            for (text,) in connection.execute("SELECT metrics FROM metrics"):
                found += sum(key.startswith(prefix) for key in json.loads(text))
        connection.close()
    return found


def _of_wandb(prefix: str) -> int:
    from wandb.proto import wandb_internal_pb2

    found = 0
    for file in Path().rglob("run-*.wandb"):
        for data in _records(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            for item in record.history.item:
                found += (item.key or item.nested_key[0]).startswith(prefix)
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a LevelDB log up to its torn end."""
    position, parts = _HEADER, b""
    while position + _HEADER <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:
            position += left
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        body = data[position + _HEADER : position + _HEADER + length]
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or len(body) < length:
            return
        parts = body if kind in (_FULL, _FIRST) else parts + body
        if kind in (_FULL, _LAST):
            yield parts
        position += _HEADER + length
