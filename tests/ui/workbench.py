"""What heron-31 of the bird songs has beside its curves: files of every kind, models, traces, code.

``python tests/ui/workbench.py STORE`` adds it to a store that ``birdsong.py`` made.
"""

from __future__ import annotations

import io
import json
import math
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from pegboard.entities.traces import Span, SpanStatusCode
from pegboard.host import Host
from pegboard_scripting.client import Client

NOTE = """**mixup up**, two specaug masks

- [x] warmup of 500 steps
- [ ] try `lr` 1e-3

<img src=x onerror="window.escaped = 'note'">
"""
HOSTILE = """<!doctype html><title>report</title><h1>Report</h1><p id=said>nothing ran</p>
<script>
  const said = [];
  const tried = (name, does) => { try { does(); said.push(name) } catch (error) { } };
  tried('parent', () => parent.document.title);
  tried('cookie', () => document.cookie);
  tried('storage', () => localStorage.length);
  tried('top', () => { top.location = 'about:blank' });
  tried('opener', () => parent.eval('window.escaped = 1'));
  fetch('/api/pegboard/1.0/ui/pages').then(() => said.push('fetch'), () => 0).finally(() => {
    document.getElementById('said').textContent = 'ran; reached: ' + said.join(' ');
  });
  new Image().src = '/health?from=frame';
  parent.postMessage('hello', '*');
</script>"""
ALONE = b"""<!doctype html><p></p><script>
let cookies = 'cookies';
try { document.cookie } catch (error) { cookies = 'no cookies' }
document.querySelector('p').textContent = `origin ${origin}, ${cookies}`;
</script>"""
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"
 onload="window.escaped='svg'">
<script>top.escaped = 'svg'; parent.escaped = 'svg'</script>
<rect width="120" height="80" fill="#7567e0"/><circle cx="60" cy="40" r="24" fill="#fff"/>
<image href="/health?from=svg" width="9" height="9"/></svg>"""
MARKUP = "<img src=x onerror=alert(1)>&amp; ü 🐦.txt"
PATCH = """diff --git a/train.py b/train.py
index 4be01d7..9f2c41a 100644
--- a/train.py
+++ b/train.py
@@ -10,7 +10,8 @@ def train(options):
     model = build(options)
-    mixup = 0.1
+    mixup = 0.2
+    masks = 2
     return fit(model, mixup)
 # end
 # of it
diff --git a/notes/old.md b/notes/old.md
deleted file mode 100644
--- a/notes/old.md
+++ /dev/null
@@ -1 +0,0 @@
-nothing
"""
NOTEBOOK = {
    "metadata": {"kernelspec": {"language": "python"}},
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": ["# Songs\n", "of *birds*"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": "songs = load()\nlen(songs)",
            "outputs": [
                {"output_type": "execute_result", "data": {"text/plain": ["46"]}},
                {
                    "output_type": "display_data",
                    "data": {
                        "text/html": "<table><tr><th>song</th></tr><tr><td>heron</td></tr></table>"
                        "<script>window.escaped = 'notebook'</script>"
                    },
                },
            ],
        },
    ],
}
TRAIN = '''"""Train the classifier."""
import torch


def train(options: dict) -> float:
    for step in range(10_000):  # each step
        loss = step * 0.1
    return loss
'''


def png(step: int, size: int = 96) -> bytes:
    """Draw a picture that changes with the step."""
    rows = b""
    for y in range(size):
        rows += b"\0"
        for x in range(size):
            wave = math.sin((x + step / 100) / 9) * math.cos(y / (6 + step / 2000))
            shade = int(127 + 110 * wave)
            rows += bytes((shade, (shade + step // 40) % 256, 200 - shade // 2))

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def files() -> Iterator[tuple[str, bytes]]:
    """Yield files of every kind, good and bad."""
    yield "train.py", TRAIN.encode()
    yield "config/model.yaml", b"backbone: convnext-s\nmixup: 0.2  # was 0.1\nlayers: [96, 192]\n"
    yield "config/options.json", json.dumps({"lr": 3e-4, "masks": [1, 2], "name": "<b>"}).encode()
    lines = b"".join(b"%d,clip-%d,%.4f,%s\n" % (i, i, i / 7, b"wren") for i in range(2_500))
    yield "val/clips.csv", b"id,clip,score,bird\n" + lines
    logged = {
        "columns": ["clip", "said", "score"],
        "data": [["a.wav", "wren", 0.5], ["b", "<i>", 1]],
    }
    yield "val/answers.json", json.dumps(logged).encode()
    yield "val/errors.jsonl", b'{"clip": "a", "score": 0.25}\n{"clip": "b", "score": null}\n'
    yield "val/broken.parquet", b"PAR1" + bytes(40) + b"PAR1"
    yield "report.html", HOSTILE.encode()
    yield "alone.html", ALONE
    yield "picture.svg", SVG
    yield "figures/confusion.png", png(40)
    yield "figures/wrong.png", b"this is no picture"
    yield "empty.bin", b""
    yield "weights.pt", bytes(range(256)) * 200
    yield "notes.md", b"# Notes\n\nwith **weight** <script>window.escaped = 'md'</script>"
    yield "songs.ipynb", json.dumps(NOTEBOOK).encode()
    yield MARKUP, b"harmless"
    yield "clips/heron.wav", b"RIFF" + bytes(60)
    for step in range(0, 1000, 100):
        name = f"images/val~saliency+step+{step}+timestamp+{1_790_000_000_000 + step * 1000}+0a1b"
        yield f"{name}.png", png(step * 8)
        yield f"{name}+compressed.webp", b"RIFF0000WEBP"
    yield "environment/uncommitted.patch", PATCH.encode()
    yield "environment/requirements.txt", b"# Python 3.13.1\nnumpy==2.1.0\ntorch==2.9.1\n"
    yield "environment/environment.json", json.dumps(
        {
            "python": {"version": "3.13.1", "implementation": "cpython", "executable": "python"},
            "platform": {"system": "Linux", "machine": "x86_64", "hostname": "gpu-3"},
            "cpu_count": 16, "memory_bytes": 64 << 30, "gpus": [{"name": "H100"}],
        }
    ).encode()  # fmt: skip
    times = ("13:59:40", "13:59:58", "14:00:17", "14:00:35")
    said = "".join(f"{t}  step {8520 + 40 * i}  loss .18{i:02}\n" for i, t in enumerate(times))
    yield "logs/train.log", b"begin\n" + said.encode()


def fill(store_uri: str, run: str) -> dict[str, str]:
    """Add it; return ids by name."""
    host = Host(Config())
    store = host.tracking_store(store_uri)
    info = store.get_run(run).info
    kept = host.artifact_store(info.artifact_uri)
    for path, content in files():
        kept.write(path, io.BytesIO(content))
    _huge(kept)
    model = store.logged_models().create(info.experiment_id, name="classifier", source_run_id=run)
    store.logged_models().log_outputs(run, [LoggedModelOutput(model.model_id, 8600)])
    place = host.artifact_store(model.artifact_location)
    place.write("MLmodel", io.BytesIO(b"flavors:\n  python_function:\n    loader_module: birds\n"))
    data = Dataset("clips-eu", "9f2c41", "local", '{"uri": "clips/"}', profile='{"rows": 186400}')
    store.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    _traces(store, info.experiment_id, run)
    _data(store_uri, run)
    host.close()
    return {"classifier": model.model_id}


def _traces(store: TrackingStore, experiment: str, run: str) -> None:
    now = time.time_ns() - 60_000_000_000
    names = {"tr-" + "1" * 32: "which <b>bird</b>?", "tr-" + "2" * 32: "and now?"}
    for number, (name, asked) in enumerate(names.items()):
        start = now + number * 10**9
        code = SpanStatusCode.ERROR if number else SpanStatusCode.OK
        inputs = {"mlflow.spanInputs": {"question": asked}, "mlflow.spanOutputs": "a wren"}
        span = Span(
            name, f"{number + 1:016x}", "identify", start, start + 1_500_000_000, None, code,
            attributes=inputs,
        )  # fmt: skip
        store.traces().log_spans(experiment, [span])
        store.traces().set_tag(name, "mlflow.traceName", "identify")
    store.traces().link_to_run(list(names), run)


def _huge(kept: Any) -> None:
    kept.write("huge.txt", io.BytesIO(b"first line\n" * 20_000))
    local: Path | None = kept.local_path("huge.txt")
    assert local is not None
    with local.open("r+b") as file:
        file.truncate(10 << 30)


def _data(store_uri: str, run: str) -> None:
    client, now = Client(store_uri), int(time.time() * 1000)
    tags = {
        "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": "4be01d7c0ffee4be01d7c0ffee4be01d7c0ffee0",
        "mlflow.source.git.branch": "main", "mlflow.source.git.dirty": "true",
        "mlflow.source.git.repoURL": "https://github.com/birds/songs.git",
        "pegboard.source.command": "python train.py mixup=0.2", "mlflow.note.content": NOTE,
    }  # fmt: skip
    machine = {
        "system/cpu_utilization_percentage": 71.0, "system/system_memory_usage_percentage": 38.0,
        "system/gpu_0_utilization_percentage": 94.0,
        "system/gpu_0_memory_usage_megabytes": 61_000.0,
    }  # fmt: skip
    points = [
        Metric(key, value + math.sin(i) * 2, now - (40 - i) * 10_000, i)
        for key, value in machine.items()
        for i in range(40)
    ]
    odd = [
        *(Metric("odd/values", value, now - 9000, i) for i, value in enumerate(
            (1.0, math.nan, math.inf, -math.inf, 2.0))),
        Metric("grün: größer", 1.5, now - 9000, 1), Metric("w" * 250, 3.0, now - 9000, 1),
    ]  # fmt: skip
    client.log_batch(
        run, metrics=[*points, *odd],
        params=[Param("max_steps", "10000"), Param("markup", "<b>&amp;</b>")],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )  # fmt: skip


if __name__ == "__main__":
    uri = sys.argv[1]
    found = Client(uri).search_runs(["1"], "attributes.run_name = 'heron-31'")
    print(fill(uri, found[0].info.run_id))
