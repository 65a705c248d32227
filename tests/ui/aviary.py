"""What the store of bird songs has beyond runs: a model with a past, and files to compare.

``python tests/ui/aviary.py STORE`` makes both.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import birdsong
import numpy as np
from pegboard.entities import Dataset, DatasetInput, RunTag
from pegboard_scripting.client import Client

DAY = 86_400_000
MODEL = "birdsong"
SIGNATURE = """artifact_path: model
flavors:
  python_function:
    loader_module: pegboard.sklearn
model_uuid: 0123456789abcdef0123456789abcdef
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, %d, 64]}}]'
  outputs: '[{"name": "species", "type": "string", "required": true}, {"name": "p", "type":
    "double", "required": true}]'
  params: null
"""
# version: run, days ago, note
VERSIONS = (
    ("ruff-03", 146, "first that hears anything"),
    ("brambling-05", 142, "first with clips-eu"),
    ("turnstone-11", 136, ""),
    ("knot-09", 124, ""),
    ("dotterel-14", 104, "rolled back: owls at night"),
    ("whinchat-17", 78, ""),
    ("curlew-12", 70, "ok"),
    ("pipit-19", 25, "int8 for field recorders"),
    ("plover-07", 12, "more **mixup**, see [the note](https://example.org/mixup)"),
)
# days ago: alias, version (None: rolled back), who, why
MOVES = (
    (145.5, "champion", "1", "field-kit", "first"),
    (134, "champion", "3", "audio-team", "+2.6 points"),
    (130, "edge", "2", "field-kit", "small enough"),
    (122, "challenger", "4", "audio-team", "try on warblers"),
    (112, "champion", "4", "audio-team", "warblers are fine"),
    (102, "challenger", "5", "audio-team", ""),
    (94, "champion", "5", "audio-team", "better on the holdout"),
    (85, "champion", None, "night-shift", "misses owls at night"),
    (76, "edge", "6", "field-kit", ""),
    (70, "challenger", "7", "audio-team", ""),
    (46, "champion", "7", "audio-team", "ok"),
    (24, "edge", "8", "field-kit", "28 MB"),
    (11, "challenger", "9", "audio-team", "20 % of birds-prod"),
)
CLOCKS = ("history", "models", "promotion", "versions")


@contextmanager
def at(ms: int) -> Iterator[None]:
    """Let the registry believe that it is another time."""
    with ExitStack() as stack:
        for module in CLOCKS:
            stack.enter_context(
                patch(f"pegboard_registry.store.{module}.now_ms", lambda: ms, create=True)
            )
        yield


def fill(store: str, ids: dict[str, str]) -> None:
    """Register the runs of the store of bird songs, and let aliases move over five months."""
    client, now = Client(store), int(time.time() * 1000)
    steps = [(days, number, None) for number, (_, days, _) in enumerate(VERSIONS, 1)]
    steps += [(days, 0, move) for days, *move in MOVES]
    with at(now - 147 * DAY):
        client.create_registered_model(
            MODEL, {"team": "audio"}, "Names **birds** by their songs.\n\n- 41 species\n- 5 s clips"
        )
    for days, number, move in sorted(steps, key=lambda step: -step[0]):
        with at(now - int(days * DAY)):
            if move is None:
                name, _, note = VERSIONS[number - 1]
                register(client, ids[name], note, 128 if number > 6 else 64)
            else:
                _move(client, *move)


def register(client: Client, run: str, note: str = "", width: int = 64) -> str:
    """Log a model file of a run and register it; return the version."""
    data = Dataset("clips-eu", "9f2c41d0" if width == 128 else "77d0b3aa", "local", "{}")
    client.log_inputs(run, [DatasetInput(data)])
    client.log_text(run, SIGNATURE % width, "model/MLmodel")
    source = f"{client.get_run(run).info.artifact_uri}/model"
    made = client.create_model_version(
        MODEL, source, run, description=note, await_creation_for=0, user="audio-team"
    )
    return made.version


def _move(client: Client, alias: str, version: str | None, user: str, reason: str) -> None:
    if version is None:
        client.rollback_registered_model_alias(MODEL, alias, user=user, reason=reason)
    else:
        client.set_registered_model_alias(MODEL, alias, version, user=user, reason=reason)


def logged(store: str, ids: dict[str, str]) -> str:
    """Log a model of a run with numbers of its own; return its id."""
    client = Client(store)
    run = ids["plover-07"]
    made = client.create_logged_model(
        ids["birdsong-classifier"],
        "classifier",
        source_run_id=run,
        params={"backbone": "convnext-s", "classes": "41"},
        tags={"quantized": "no"},
        model_type="classifier",
    )
    for name, value in (("clips-eu", 0.9377), ("owls-night", 0.8412)):
        client.log_metric(
            run, "held_out", value, dataset_name=name, dataset_digest="9f2c", model_id=made.model_id
        )
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "MLmodel")
        file.write_text(SIGNATURE % 128)
        client.log_model_artifact(made.model_id, file)
        client.log_model_artifact(made.model_id, file, "more")
    client.finalize_logged_model(made.model_id, "READY")
    return made.model_id


CONFIG = """seed: 20
augment:
  mixup: {mixup}
  specaug: {{masks: {masks}, width: 24}}
optimizer:
  name: {opt}
"""


def files(store: str, ids: dict[str, str]) -> None:
    """Log images, configurations and commits of three runs."""
    client = Client(store)
    commits = ("4be01d7", "4be01d7", "91c2aa0")
    for number, (name, commit) in enumerate(
        zip(("heron-31", "plover-07", "avocet-02"), commits, strict=True)
    ):
        run = ids[name]
        told = client.get_run(run).data.params
        text = CONFIG.format(mixup=told["mixup"], masks=2 - number, opt=told["opt"])
        client.log_text(run, text, "config.yaml")
        tags = [
            RunTag("mlflow.source.git.commit", commit + "0" * 33),
            RunTag("mlflow.source.git.repoURL", "git@github.com:birds/song.git"),
            RunTag("mlflow.source.git.dirty", "true" if number == 0 else "false"),
        ]
        client.log_batch(run, tags=tags)
        for step in (1600, 3200) if number == 2 else (1600, 3200, 6400, 9600):
            client.log_image(run, _saliency(number, step), key="val/saliency", step=step)


def _saliency(number: int, step: int) -> np.ndarray:
    rows, columns = np.mgrid[0:96, 0:200]
    blur = 1 + number * 2 + 4000 / step
    wave = 48 + 22 * np.sin(columns / 24) + 14 * np.sin(columns / 5)
    glow = np.exp(-((rows - wave) ** 2) / (7 * blur))
    return np.stack([18 + 230 * glow, 20 + 180 * glow**1.7, 34 + 80 * glow], -1).astype("uint8")


if __name__ == "__main__":
    found = birdsong.fill(sys.argv[1])
    fill(sys.argv[1], found)
    files(sys.argv[1], found)
