"""Which way metrics are better."""

from __future__ import annotations

import math

import pytest
from pegboard_ui.data.directions import FALLS, NEITHER, RISES, better, direction


@pytest.mark.parametrize(
    ("key", "way"),
    [
        *((key, FALLS) for key in ("loss", "val_loss", "train/loss", "valLoss", "logLoss", "MSE")),
        *((key, FALLS) for key in ("rmse", "val.mae", "test_error", "perplexity", "epoch_time")),
        *((key, FALLS) for key in ("loss/train", "latency_ms", "cross_entropy", "WER", "val_ppl")),
        *((key, FALLS) for key in ("neg_log_likelihood", "eval/expected calibration error")),
        *((key, RISES) for key in ("acc", "accuracy", "val_f1", "auc", "r2", "ndcg@10", "m", "")),
        *((key, RISES) for key in ("pass@1", "neg_mean_squared_error", "log_likelihood", "glossy")),
        *((key, RISES) for key in ("losslessness", "throughput", "time/accuracy_gain", "指标")),
        *((key, NEITHER) for key in ("lr", "learning_rate", "epoch", "system/gpu_0_power", "seed")),
    ],
)
def test_a_name_tells_which_way_is_better(key, way):
    assert direction(key) == way


@pytest.mark.parametrize(
    ("tags", "way"),
    [
        ({"pegboard.ui.direction.loss": "max"}, RISES),
        ({"pegboard.ui.direction.loss": "none"}, NEITHER),
        ({"pegboard.ui.direction.other": "max"}, FALLS),
        ({"mlflow.experiment.primaryMetric.name": "loss"}, FALLS),
        (
            {
                "mlflow.experiment.primaryMetric.name": "loss",
                "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
            },
            RISES,
        ),
        (
            {
                "mlflow.experiment.primaryMetric.name": "acc",
                "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
            },
            FALLS,
        ),
    ],
)
def test_tags_of_the_experiment_come_before_the_name(tags, way):
    assert direction("loss", tags) == way


def test_better_says_how_two_values_compare():
    assert better(RISES, 2, 1) == 1
    assert better(FALLS, 2, 1) == -1
    assert better(FALLS, 1, 1) == 0
    assert better(NEITHER, 2, 1) is None
    assert better(RISES, math.nan, 1) is None
    assert better(RISES, 1, None) is None
    assert better(RISES, math.inf, 1) == 1
