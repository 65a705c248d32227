"""What goes wrong is said on one screen: the step, the file, the line, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pegboard.errors import PegboardError
from pegboard_recipes.api import Recipe

from .small import begun, line

RECIPE = """recipe: regression/v1
target_col: y
steps:
  ingest:
    using: parquet
    location: rows.parquet
    skip_data_profiling: true
  split:
    skip_data_profiling: true
  transform:
    transformer_method: make
    skip_data_profiling: true
  train:
    estimator_method: make
    skip_data_profiling: true
  evaluate:
    validation_criteria:
      - {metric: max_error, threshold: 5}
"""
TRAIN = """from sklearn.linear_model import LinearRegression
def make():
    return LinearRegression()
"""
TRANSFORM = """from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer
def later(rows):
    return rows[1:]
def make():
    return ColumnTransformer([("x", "passthrough", ["x"])])
"""
CUSTOM = "    using: csv\n    loader_method: load\n"
LOADER = ("recipe.yaml", "    using: parquet\n", CUSTOM)
METRIC = ("recipe.yaml", "steps:\n", "custom_metrics: [{name: own, function: own}]\nsteps:\n")
OWN = METRIC[2].replace("own}", "own, greater_is_better: true}")

TO_LATER = ("steps/transform.py", "return Column", "return FunctionTransformer(later)\n    Column")
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)

CASES = {
    "an unknown variable": (
        [("recipe.yaml", "rows.parquet", "{{ ROWZ }}"), ("profiles/local.yaml", "", "ROWS: a\n")],
        "recipe.yaml, line 6: 'ROWZ' is not defined.\nThe profile defines 'ROWS'.",
    ),
    "an unknown variable of the profile": (
        [("profiles/local.yaml", "kinds", "{{ kinds }}")],
        "profiles/local.yaml, line 1: 'kinds' is not defined.",
    ),
    "a template that is none": (
        [("recipe.yaml", "rows.parquet", "{{ ROWS")],
        "recipe.yaml, line",
    ),
    "code in a template": (
        [("recipe.yaml", "rows.parquet", "{{ ''.__class__.__mro__ }}")],
        "recipe.yaml, line 6: ",
    ),
    "a key twice": (
        [("recipe.yaml", "    using: parquet\n", "    using: parquet\n    using: csv\n")],
        "recipe.yaml, line 6: 'using' stands here, and in line 5, too.",
    ),
    "YAML that is none": ([("recipe.yaml", "  split:", "  split: [")], "It is not YAML"),
    "an object in YAML": (
        [("recipe.yaml", "y\n", "!!python/object/apply:os.system [ls]\n")],
        "recipe.yaml, line 2: It is not YAML",
    ),
    "an unknown key": (
        [("recipe.yaml", "skip_data_profiling: true\n  transform", "split_ratio: 1\n  transform")],
        "recipe.yaml, line 9: steps.split.split_ratio is not a key of a recipe.\n"
        "Did you mean 'split_ratios'?",
    ),
    "an unknown key of the profile": (
        [("profiles/local.yaml", "model_registry", "model_regstry")],
        "profiles/local.yaml, line 1: model_regstry is not a key of a recipe.",
    ),
    "ratios that are none": (
        [("recipe.yaml", "  split:\n", "  split:\n    split_ratios: [1, 2]\n")],
        "recipe.yaml, line 9: steps.split.split_ratios is [1, 2], not three positive numbers",
    ),
    "an unknown recipe": (
        [("recipe.yaml", "regression/v1", "regresion/v1")],
        "recipe.yaml, line 1: 'regresion/v1' is not a recipe.\nDid you mean 'regression/v1'?",
    ),
    "no target": ([("recipe.yaml", "target_col: y\n", "")], "recipe.yaml: 'target_col' is missing"),
    "a criterion over an unknown metric": (
        [("recipe.yaml", "max_error", "max_eror")],
        "recipe.yaml, line 18: There is no metric 'max_eror' for regression.\n"
        "Did you mean 'max_error'?",
    ),
    "half a custom metric": ([METRIC], "A custom metric lacks 'greater_is_better'."),
    "an unknown target": (
        [("recipe.yaml", "target_col: y", "target_col: yy")],
        "recipe.yaml, line 2: The data has no column 'yy'.\nDid you mean 'y'?",
    ),
    "no such file": (
        [("recipe.yaml", "rows.parquet", "row.parquet")],
        "recipe.yaml, line 6: There is no file",
    ),
    "no loader": (
        [("recipe.yaml", "using: parquet", "using: avro")],
        "recipe.yaml, line 5: Data of the form 'avro' needs a 'loader_method'.",
    ),
    "no file of loaders": ([LOADER], "steps.ingest.loader_method is 'load', and there is no file"),
    "a loader of another name": (
        [LOADER, ("steps/ingest.py", "", "def lod(path): pass")],
        "which",
    ),
    "a loader that returns nothing": (
        [LOADER, ("steps/ingest.py", "", "def load(path): pass")],
        "steps/ingest.py, line 1: loader_method 'load' returned nothing, not a DataFrame.",
    ),
    "a loader that does not read this": (
        [LOADER, ("steps/ingest.py", "", "def load(path):\n    raise NotImplementedError")],
        "steps/ingest.py, line 1: loader_method 'load' does not read files of the form 'csv'.",
    ),
    "a loader that fails": (
        [LOADER, ("steps/ingest.py", "", "def load(path, *args):\n    return 1 / 0")],
        "The step 'ingest' failed.\n  steps/ingest.py, line 2, in load\n    return 1 / 0\n"
        "ZeroDivisionError",
    ),
    "a full disk": (
        [LOADER, ("steps/ingest.py", "", "def load(path):\n    raise OSError(28, 'no', path)")],
        "There is no space left for ",
    ),
    "a loader that is not Python": (
        [LOADER, ("steps/ingest.py", "", "def load(path):\n    return (")],
        "  steps/ingest.py, line 2\n    return (\nSyntaxError",
    ),
    "too few rows in a part": (
        [("recipe.yaml", "  split:\n", "  split:\n    split_ratios: [99, 1, 1]\n")],
        "recipe.yaml, line 9: Each part needs at least 4 rows, and there are: training",
    ),
    "words that are none": (
        [
            ("recipe.yaml", "  split:\n", "  split:\n    using: custom\n    split_method: cut\n"),
            ("steps/split.py", "", "def cut(rows):\n    return rows.x.map(lambda x: 'TRAIN')"),
        ],
        "steps/split.py, line 1: split_method 'cut' returned 'TRAIN'.\n"
        "The words are: TRAINING, VALIDATION, TEST.",
    ),
    "a transformer that drops rows": (
        [TO_LATER],
        "steps/transform.py, line 5: transformer_method 'make': its transformer "
        "FunctionTransformer made",
    ),
    "a transformer that returns nothing": (
        [("steps/transform.py", "return rows[1:]", "pass"), TO_LATER],
        "steps/transform.py, line 5: transformer_method 'make': its transformer "
        "FunctionTransformer returned nothing.",
    ),
    "a target of texts": (
        [("recipe.yaml", "target_col: y", "target_col: shop")],
        "recipe.yaml, line 2: The target 'shop' is of the type category, and a regression predicts",
    ),
    "a file that is not what it should be": (
        [("recipe.yaml", "    using: parquet", "    using: csv")],
        "recipe.yaml, line 5: ",
    ),
    "data in a place that is not read": (
        [("recipe.yaml", "rows.parquet", "s3://bucket/rows.parquet")],
        "recipe.yaml, line 6: Data at 's3://bucket/rows.parquet' is not read here.",
    ),
    "references in YAML that have no end": (
        [("profiles/local.yaml", "", "a: &a [*a]\n")],
        "profiles/local.yaml, line 1: It holds more than 100,000 values",
    ),
    "references in YAML that stand for too much": (
        [("profiles/local.yaml", "", LAUGHS)],
        "It holds more than 100,000 values, or they are more than 100 deep.",
    ),
    "a name that no model may have": (
        [("profiles/local.yaml", "kinds", "a/b")],
        "profiles/local.yaml, line 1: A model cannot be named 'a/b'",
    ),
    "an import that is not there": (
        [("steps/train.py", "from sklearn", "import nosuchlib\nfrom sklearn")],
        "The step 'train' failed.\n  steps/train.py, line 1, in <module>\n    import nosuchlib\n",
    ),
    "a transformer that is none": (
        [("steps/transform.py", "return Column", "return later\n    Column")],
        "line 5: transformer_method 'make' returned an object of the type function, "
        "which has no method",
    ),
    "an estimator that is none": (
        [("steps/train.py", "return LinearRegression()", "LinearRegression()")],
        "line 2: estimator_method 'make' returned nothing, which has no method 'fit'.",
    ),
    "an estimator that fails": (
        [("steps/transform.py", '["x"])', '["x", "shop"])')],
        "The step 'train' failed.",
    ),
    "an estimator that ends the process": (
        [("steps/train.py", "    return Lin", "    import os; os._exit(0)\n    return Lin")],
        "The step 'train' failed.\n  steps/train.py, line 3, in make\n"
        "    import os; os._exit(0)\nSystemExit: os._exit(0) was called",
    ),
    "a metric that raises": (
        [
            ("recipe.yaml", "steps:\n", OWN),
            ("steps/custom_metrics.py", "", "def own(eval_df, builtin):\n    return builtin['no']"),
        ],
        "  steps/custom_metrics.py, line 2, in own\n    return builtin['no']\nKeyError: 'no'",
    ),
    "a metric that returns nothing": (
        [("recipe.yaml", "steps:\n", OWN), ("steps/custom_metrics.py", "", "def own(*_): pass")],
        "steps/custom_metrics.py, line 1: The metric 'own' returned None, not a number.",
    ),
    "an unknown runner": (
        [("profiles/local.yaml", "model", "runner: lcoal\nmodel")],
        "profiles/local.yaml, line 1: There is no runner 'lcoal'.\nDid you mean 'local'?",
    ),
    "a runner of a step that is none": (
        [("profiles/local.yaml", "model", "runner: {name: local, steps: [trian]}\nmodel")],
        "profiles/local.yaml, line 1: There is no step 'trian'.",
    ),
    "a setting that a runner has not": (
        [("profiles/local.yaml", "model", "runner: {name: local, config: {gpus: 1}}\nmodel")],
        "gpus",
    ),
    "a profile elsewhere": ([], "'../local' is not the name of a profile."),
    "an unknown step": ([], "There is no step 'trian'.\nThere are: ingest, split"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_with_its_place(place: Path, name: str) -> None:
    changes, said = CASES[name]
    root = begun(place / "r", line(), TRAIN, RECIPE).directory
    (root / "steps/transform.py").write_text(TRANSFORM)
    for file, old, new in changes:
        text = (root / file).read_text() if (root / file).exists() else ""
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(PegboardError) as raised:
        profile = "../local" if name == "a profile elsewhere" else "local"
        step = "trian" if name == "an unknown step" else "train"
        Recipe(profile, directory=root).run(step)
    message = str(raised.value)
    assert said.split("\n")[0] in message
    assert said in message, message
    assert len(message.splitlines()) < 15
    assert "Traceback" not in message
