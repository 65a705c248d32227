"""Files of sweeps: W&B's are read as they are, and all faults are told with their lines."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pegboard_sweeps import command_words, reading, searching
from pegboard_sweeps.distributions import NAMES, Choice, Number, text_of
from pegboard_sweeps.errors import SweepError
from pegboard_sweeps.sweep import Metric

WANDB = """
program: train.py
name: all-keys
description: Every key that W&B's page on them has.
project: wines
entity: somebody
method: random
metric: {name: val/loss, goal: minimize, target: 0.01}
early_terminate: {type: hyperband, min_iter: 3, eta: 3}
run_cap: 20
parameters:
  optimizer: {values: [adam, sgd], probabilities: [0.75, 0.25]}
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: !!float 1e-2}
  model.layers: {min: 1, max: 4}
  dropout: {min: 0.1, max: 0.5}
  sizes: {values: [[32], [64, 32]]}
  batch: {distribution: q_log_uniform_values, q: 8, min: 32, max: 256}
  epochs: {value: 27}
  noise: {distribution: normal, mu: 100, sigma: 10}
command:
  - ${env}
  - ${interpreter}
  - ${program}
  - ${args_no_boolean_flags}
"""


def read(place: Path, text: str, run_cap: int | None = None) -> Any:
    file = place / "sweep.yaml"
    file.write_text(text)
    return reading.load(file, run_cap)


def test_a_file_of_wandb_is_read_as_it_is(tmp_path: Path) -> None:
    sweep = read(tmp_path, WANDB)
    assert (sweep.name, sweep.experiment, sweep.method) == ("all-keys", "wines", "random")
    assert sweep.metric == Metric(name="val/loss", goal="minimize", target=0.01)
    assert list(sweep.halving.brackets[:4]) == [3, 9, 27, 81]
    assert (sweep.count, sweep.code.uri, sweep.code.entry_point) == (20, str(tmp_path), "train.py")
    assert sweep.varying == [name for name in sweep.parameters if name != "epochs"]
    assert [note.partition(": ")[2] for note in sweep.notes] == ["'entity' means nothing here."]
    values = searching.values(sweep, 7, ())
    assert values == searching.values(sweep, 7, ()) != searching.values(sweep, 8, ())
    assert values["epochs"] == 27
    assert values["batch"] % 8 == 0
    assert isinstance(values["model.layers"], int)
    for name, value in values.items():
        assert sweep.parameters[name].value_of(text_of(value)) == value
    shown = command_words.shown(sweep.code.command, sweep.code.entry_point, values)
    assert shown.startswith("/usr/bin/env python train.py --optimizer=")
    # What trials tried stays the same, whatever becomes of this code: sweeps go on from it.
    assert math.isclose(values["learning_rate"], 0.0001447140449764474)


def test_brackets_from_the_end_are_those_of_wandb(tmp_path: Path) -> None:
    end = WANDB.replace("min_iter: 3, eta: 3", "max_iter: 27, s: 2")
    assert read(tmp_path, end).halving.brackets == [9, 3][::-1]


def test_what_is_searched_tells_sweeps_apart_and_not_for_how_long(tmp_path: Path) -> None:
    first = read(tmp_path, WANDB).digest
    assert read(tmp_path, WANDB, run_cap=50).digest == first
    assert read(tmp_path, WANDB.replace("0.5}", "0.6}")).digest != first
    assert read(tmp_path, WANDB + "seed: 1\n").digest != first


FAULTS = {
    "nothing": ("{}", ["needs a 'method'", "needs 'parameters'"]),
    "words": (
        "method: gird\nparametres: {}\nparameters: {a: {values: [1], distribtion: uniform}}",
        [
            "line 1: method 'gird' is none of grid, random, bayes. Did you mean 'grid'?",
            "line 2: 'parametres' means nothing here. Did you mean 'parameters'?",
            "line 3: 'distribtion' means nothing here. Did you mean 'distribution'?",
        ],
    ),
    "an end": ("method: random\nparameters: {a: {values: [1]}}", ["line 1: random search has no"]),
    "a metric": (
        "method: bayes\nrun_cap: 3\nparameters: {a: {values: [1]}}",
        ["bayes needs a 'metric'"],
    ),
    "a name of the metric": (
        "method: grid\nmetric: {goal: low, target: x}\nparameters: {a: {values: [1]}}",
        ["goal 'low' is none of", "target is 'x', not a number", "needs a 'name'"],
    ),
    "parameters": (
        """
method: grid
parameters:
  a: {}
  b: {min: 1}
  c: {min: 2, max: 1}
  d: {min: 0.0, max: 1}
  e: {values: []}
  f: {values: [1, "1"]}
  g: {distribution: log_uniform_values, min: 0, max: 1}
  h: {distribution: normal, sigma: 0}
  i: {values: [1, 2], probabilities: [0.5, 0.6]}
  j: {parameters: {rate: {value: 1}}}
  k: {distribution: q_uniform, min: 1, max: 2, q: 5}
  l: {distribution: int_uniform, min: 1.5, max: 2}
  m: {value: 1, min: 2}
  "n o": {value: 1}
  p: 3
""",
        [
            "line 4: a needs 'values', or 'min' and 'max'",
            "line 5: b needs a 'max'",
            "line 6: min is 2, greater than max, 1",
            "line 7: grid search needs values that can be counted; d is a uniform of 0 … 1",
            "line 8: e needs 'values', a list",
            "line 9: f has the value '1' twice",
            "line 10: log_uniform_values needs a 'min' above 0",
            "line 11: sigma is 0, not above 0",
            "line 12: the probabilities of i are not 2 numbers with the sum 1",
            "line 13: parameters inside of parameters are not supported: name them flat, such as "
            "j.rate",
            "line 14: no multiple of 5 is between",
            "line 15: min is 1.5, not a whole number",
            "line 16: min does not go with constant, which takes value",
            "line 17: 'n o' cannot be the name of a parameter",
            "line 18: 'p' is 3, not a mapping",
        ],
    ),
    "what ends early": (
        "method: grid\nmetric: {name: x}\nparameters: {a: {values: [1]}}\n"
        "early_terminate: {type: median, min_iter: 0.5, max_iter: 3, eta: 1, strict: 2}",
        ["type 'median'", "min_iter is 0.5, less", "eta is 1, less", "strict is 2", "either min"],
    ),
    "elsewhere": (
        "method: grid\njob: x\nimports: [y]\nparameters: {a: {values: [1]}}\ncommand: ['${args}', "
        "'${prog}', '${program}']\nprogram: a.py\nentry_point: main\nconcurrency: 0",
        [
            "W&B's jobs are not run",
            "parameters are not imported",
            "'${prog}' of the command is not known",
            "either 'program' or 'entry_point'",
            "concurrency is 0, less than 1",
        ],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_all_faults_are_told_together_with_their_lines(tmp_path: Path, name: str) -> None:
    text, expected = FAULTS[name]
    with pytest.raises(SweepError) as caught:
        read(tmp_path, text)
    told = caught.value.message.splitlines()[1:]
    assert [part for part in expected if not any(part in line for line in told)] == []
    assert len(told) == len(expected), told


def test_exponents_that_look_like_values_are_remarked_on(tmp_path: Path) -> None:
    space = "a: {distribution: log_uniform, min: 1e-5, max: 1e-3}"
    (note,) = read(tmp_path, f"method: random\nrun_cap: 1\nparameters:\n  {space}").notes
    assert "line 4: the bounds of log_uniform are exponents, so a is 1.00001 … 1.001." in note


# By distribution: its two numbers, and the values at 0, 0.5 and 1.
MIDDLES = {
    "uniform": (2, 4, 2, 3, 4),
    "log_uniform": (0, math.log(100), 1, 10, 100),
    "log_uniform_values": (0.01, 1, 0.01, 0.1, 1),
    "inv_log_uniform": (0, math.log(100), 1, 0.1, 0.01),
    "inv_log_uniform_values": (0.01, 1, 0.01, 0.1, 1),
    "normal": (5, 2, -math.inf, 5, math.inf),
    "log_normal": (1, 2, 0, math.e, math.inf),
    "q_uniform": (2.2, 4.1, 2.5, 3, 4),
    "q_log_uniform": (0, math.log(100), 1, 10, 100),
    "q_log_uniform_values": (1, 100, 1, 10, 100),
    "q_normal": (5.1, 2, -math.inf, 5, math.inf),
    "q_log_normal": (1, 2, 0, 2.5, math.inf),
}


@pytest.mark.parametrize("name", [name for name in NAMES if name in MIDDLES])
def test_distributions_are_what_they_are_called(name: str) -> None:
    first, second, low, middle, high = MIDDLES[name]
    step = 0.5 if name.startswith("q_") else None
    number = Number(name="a", distribution=name, first=first, second=second, step=step)
    assert math.isclose(number.at(0.5), middle, rel_tol=1e-9)
    for u in (0.0, 0.1, 0.3, 0.7, 0.999999):
        value = number.at(u)
        assert low <= value <= high or high <= value <= low
        if step is None:
            assert math.isclose(number.share(value), u, abs_tol=1e-9)
        else:
            assert value % step == 0
            # Of a multiple, its own share yields it again.
            assert number.at(number.share(value)) == value


def test_all_distributions_are_tested() -> None:
    assert set(NAMES) - set(MIDDLES) == {
        *("constant", "categorical", "categorical_w_probabilities", "int_uniform")
    }


def test_probabilities_say_how_often_a_value_comes() -> None:
    choice = Choice(name="a", values=["x", "y", "z"], probabilities=[0.1, 0.0, 0.9])
    values = [choice.at(number / 100) for number in range(100)]
    assert [values.count(value) for value in "xyz"] == [10, 0, 90]


def test_a_grid_has_each_combination_once_the_last_parameter_first(tmp_path: Path) -> None:
    sweep = read(
        tmp_path,
        "method: grid\nparameters:\n  a: {values: [x, y]}\n  b: {min: 1, max: 2}\n"
        "  c: {distribution: q_uniform, min: 0, max: 0.3, q: 0.1}",
    )
    assert sweep.count == 2 * 2 * 4
    found = [tuple(searching.values(sweep, n, ()).values()) for n in range(1, sweep.count + 1)]
    assert found[:5] == [("x", 1, 0.0), ("x", 1, 0.1), ("x", 1, 0.2), ("x", 1, 0.3), ("x", 2, 0.0)]
    assert len(set(found)) == sweep.count


COMMANDS = {
    "${args}": ["--a=it's", "--flag=True", "--off=False", "--n=-1e-05", "--l=[1, 2]"],
    "${args_no_hyphens}": ["a=it's", "flag=True", "off=False", "n=-1e-05", "l=[1, 2]"],
    "${args_no_boolean_flags}": ["--a=it's", "--flag", "--n=-1e-05", "--l=[1, 2]"],
    "${args_json}": ['{"a": "it\'s", "flag": true, "off": false, "n": -1e-05, "l": [1, 2]}'],
    "--x=${envvar:HOME} y": ["--x=/at home y"],
    "$HOME": ["$HOME"],
    "${program}": ["my program.py"],
}


@pytest.mark.parametrize("word", COMMANDS)
def test_commands_reach_a_program_as_wandb_has_them(word: str) -> None:
    values = {"a": "it's", "flag": True, "off": False, "n": -1e-5, "l": [1, 2]}
    text = command_words.shown(["printf", "%s\\n", word], "my program.py", values)
    done = subprocess.run(
        ["bash", "-c", text], env={"HOME": "/at home"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == COMMANDS[word]
