"""A store with something to see: bird songs are classified, as on the pictures of the design.

``python tests/ui/birdsong.py STORE`` makes it.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterator

from pegboard.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from pegboard_scripting.client import Client

STEPS = 240
STEP_SIZE = 42
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LONG = "siskin-28-long-warmup-cosine"
NOTES = {
    "heron-31": "mixup up, two specaug masks",
    "plover-07": "champion candidate",
    "sweep-folds": "5-fold check of ast-base",
    LONG: "warmup 2k, lion needs it",
    "dunnock-30": "half the memory, can it keep up?",
    "linnet-22": "no mixup: the control",
    "curlew-12": "sgd baseline",
    "redstart-25": "stopped, lr too low for lion",
    "sanderling-29": "cheap backbone, night queue",
    "avocet-02": "out of memory at 3,400",
    "smew-01": "diverged at 800",
}
DIGESTS = {"plover-07": "9f2c8a7be1d0", "knot-09": "01abcd99ffee"}
# name status acc loss f1 lr opt batch backbone mixup minutes age(ms) part parent
RUNS = f"""
heron-31 RUNNING .9412 .1802 .9187 3e-4 adamw 128 convnext-s 0.2 41 {2 * MINUTE} .864 -
plover-07 FINISHED .9377 .1911 .9142 3e-4 adamw 128 convnext-s 0.1 62 {DAY} 1 -
sweep-folds FINISHED .9301 .2002 .9066 3e-4 adamw 64 ast-base 0.2 258 {DAY} 1 -
fold-1 FINISHED .9355 .1948 .9120 3e-4 adamw 64 ast-base 0.2 52 {DAY} 1 sweep-folds
fold-3 FINISHED .9318 .1987 .9091 3e-4 adamw 64 ast-base 0.2 51 {DAY} 1 sweep-folds
fold-2 FINISHED .9290 .2014 .9058 3e-4 adamw 64 ast-base 0.2 53 {DAY} 1 sweep-folds
fold-5 FINISHED .9281 .2026 .9034 3e-4 adamw 64 ast-base 0.2 51 {DAY} 1 sweep-folds
fold-4 FINISHED .9262 .2034 .9027 3e-4 adamw 64 ast-base 0.2 52 {DAY} 1 sweep-folds
{LONG} FINISHED .9286 .2051 .9049 1e-3 lion 128 convnext-s 0.2 58 {2 * DAY} 1 -
dunnock-30 RUNNING .9263 .2140 .9010 1e-3 adamw 256 effnet-b2 0.2 17 {4 * MINUTE} .43 -
linnet-22 FINISHED .9241 .2168 .8987 1e-4 adamw 128 convnext-s 0.0 64 {3 * DAY} 1 -
pipit-19 FINISHED .9218 .2203 .8961 3e-4 lion 64 effnet-b2 0.1 47 {3 * DAY} 1 -
wagtail-26 FINISHED .9184 .2290 .8930 1e-3 adamw 64 effnet-b2 0.0 46 {3 * DAY} 1 -
curlew-12 FINISHED .9127 .2417 .8852 3e-4 sgd 128 convnext-s 0.2 71 {5 * DAY} 1 -
redstart-25 KILLED .9093 .2466 .8790 1e-4 lion 256 ast-base 0.1 33 {3 * DAY} .62 -
whinchat-17 FINISHED .9046 .2581 .8744 1e-4 adamw 256 effnet-b2 0.0 39 {5 * DAY} 1 -
dotterel-14 FINISHED .8972 .2733 .8661 3e-4 sgd 64 effnet-b2 0.1 48 {6 * DAY} 1 -
knot-09 FINISHED .8930 .2819 .8603 1e-4 sgd 128 resnet-50 0.2 36 {8 * DAY} 1 -
turnstone-11 FINISHED .8874 .2950 .8540 1e-3 sgd 64 resnet-50 0.1 35 {8 * DAY} 1 -
sanderling-29 RUNNING .8741 .3266 .8378 3e-4 lion 256 resnet-50 0.2 6 {MINUTE} .15 -
brambling-05 FINISHED .8702 .3342 .8351 1e-4 sgd 256 resnet-50 0.0 31 {9 * DAY} 1 -
ruff-03 FINISHED .8613 .3518 .8240 1e-3 sgd 256 resnet-50 0.0 30 {9 * DAY} 1 -
avocet-02 FAILED .8120 .4862 .7604 1e-2 sgd 128 resnet-50 0.0 12 {10 * DAY} .34 -
smew-01 FAILED .6038 nan .5127 1e-1 sgd 128 resnet-50 0.0 3 {10 * DAY} .08 -
""".strip().splitlines()


def fill(store: str) -> dict[str, str]:
    """Fill a store, and return the ids of the runs and experiments by name."""
    client, now, dice = Client(store), int(time.time() * 1000), random.Random(20)
    experiment = client.create_experiment("birdsong-classifier")
    ids = {"birdsong-classifier": experiment}
    for line in RUNS:
        name, status, acc, loss, f1, lr, opt, batch, backbone, mixup, minutes, age, part, parent = (
            line.split()
        )
        took = int(minutes) * MINUTE
        began = now - int(age) - took
        tags = {"team": "audio"}
        if parent != "-":
            tags["mlflow.parentRunId"] = ids[parent]
        if name in NOTES:
            tags["mlflow.note.content"] = NOTES[name]
        run = client.create_run(experiment, began, tags, name).info.run_id
        ids[name] = run
        params = {
            "lr": lr, "opt": opt, "batch": batch, "backbone": backbone, "mixup": mixup,
            "train.workers": "8", "seed": "20", "max_steps": "10000",
        }  # fmt: skip
        client.log_batch(run, params=[Param(key, value) for key, value in params.items()])
        if name in DIGESTS:
            data = Dataset("clips-eu", DIGESTS[name], "local", "{}")
            used = DatasetInput(data, [InputTag("mlflow.data.context", "training")])
            client.store.log_inputs(run, [used])
        ends = {"acc": float(acc), "loss": float(loss), "f1": float(f1)}
        points = list(curves(ends, float(lr), float(part), began, took, dice))
        for first in range(0, len(points), 1000):
            client.log_batch(run, metrics=points[first : first + 1000])
        if status != "RUNNING":
            client.set_terminated(run, status, began + took)
    for name, count in (("tiny-lm-pretrain", 6), ("churn-tabular", 12), ("owl-nights", 0)):
        ids[name] = client.create_experiment(name)
        for number in range(count):
            began = now - number * DAY - HOUR
            run = client.create_run(ids[name], began, {}, f"{name.split('-')[0]}-{number}").info
            value = 0.7 + dice.random() * 0.2
            client.log_batch(
                run.run_id,
                metrics=[Metric("auc", value, began, 1), Metric("val_ppl", 20 * value, began, 1)],
                params=[Param("depth", str(3 + number % 5))],
                tags=[RunTag("team", "growth")],
            )
            client.set_terminated(run.run_id, "FINISHED", began + 5 * MINUTE)
    return ids


def curves(
    ends: dict[str, float], lr: float, part: float, began: int, took: int, dice: random.Random
) -> Iterator[Metric]:
    """Yield curves of training that end at the values given."""
    count = max(8, round(STEPS * part))
    begins = {"acc": 0.31, "loss": 1.6, "f1": 0.24}
    noise = {"acc": 0.004, "loss": 0.01, "f1": 0.004}
    speed = 4.2 + dice.random() * 2.6
    targets = {**ends, "train/loss": (ends["loss"] if ends["loss"] == ends["loss"] else 2.9) * 0.62}
    begins["train/loss"], noise["train/loss"] = 1.75, 0.012
    for key, end in targets.items():
        diverges = end != end
        for number in range(count):
            done = number / (count - 1)
            grown = (1 - math.exp(-speed * done)) / (1 - math.exp(-speed))
            last = 2.6 if diverges else end
            value = begins[key] + (last - begins[key]) * grown + dice.gauss(0, noise[key])
            if number == count - 1:
                value = end
            at = began + int(took * done)
            yield Metric(key, value, at, number * STEP_SIZE)
    for number in range(count):
        done = number / STEPS
        rate = lr * (done / 0.05 if done < 0.05 else 0.5 + 0.5 * math.cos(math.pi * done))
        yield Metric("train/lr", rate, began + int(took * number / count), number * STEP_SIZE)


if __name__ == "__main__":
    print(fill(sys.argv[1]))
