"""MODEL: to load a model runs no code of it unless somebody says that it may."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from target import SECONDS

COMMAND = str(Path(sys.executable).with_name("pegboard"))


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


FLAVORS = {
    "sklearn": (
        "python_function:\n  loader_module: mlflow.sklearn\n  model_path: model.pkl\n"
        "sklearn:\n  pickled_model: model.pkl\n  serialization_format: cloudpickle\n"
        "  sklearn_version: 1.9.0\n"
    ),
    "pyfunc": (
        "python_function:\n  loader_module: mlflow.pyfunc.model\n  cloudpickle_version: 3.0.0\n"
        "  python_model: model.pkl\n"
    ),
}


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("command", ["serve", "predict"])
def test_model_1_a_pickle_is_not_read_unless_it_is_trusted(
    tmp_path: Path, flavor: str, command: str
) -> None:
    """CVE-2024-37052 to CVE-2024-37060."""
    model, trace = tmp_path / "model", tmp_path / "trace"
    model.mkdir()
    indented = "".join(f"  {line}\n" for line in FLAVORS[flavor].splitlines())
    (model / "MLmodel").write_text(f"flavors:\n{indented}")
    (model / "model.pkl").write_bytes(pickle.dumps(Payload(trace)))
    (tmp_path / "table.csv").write_text("a\n1\n")
    more = {"serve": ["--port", "0"], "predict": ["-i", "table.csv"]}[command]
    done = subprocess.run(
        [COMMAND, "models", command, "-m", str(model), *more],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "trust" in done.stderr
    assert "Traceback" not in done.stderr
    assert not trace.exists()


@pytest.mark.parametrize("module", ["subprocess", "evil", "mlflow.evil"])
def test_model_2_no_module_is_imported_because_a_model_names_it(
    tmp_path: Path, module: str
) -> None:
    model, code = tmp_path / "model", tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "evil.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'trace')!r})\n")
    (model / "MLmodel").write_text(
        f"flavors:\n  python_function:\n    loader_module: {module}\n    code: code\n"
    )
    (tmp_path / "table.csv").write_text("a\n1\n")
    done = subprocess.run(
        [COMMAND, "models", "predict", "-m", str(model), "-i", "table.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [{trace}]",
        "flavors: !!python/object/new:os.mkdir [{trace}]",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nflavors: {{}}\n",
    ],
)
def test_model_3_what_describes_a_model_is_data(tmp_path: Path, text: str) -> None:
    model, trace = tmp_path / "model", tmp_path / "trace"
    model.mkdir()
    (model / "MLmodel").write_text(text.format(trace=trace))
    (tmp_path / "table.csv").write_text("a\n1\n")
    done = subprocess.run(
        [COMMAND, "models", "predict", "-m", str(model), "-i", "table.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert not trace.exists()


@pytest.mark.parametrize("where", ["place", "requirements"])
@pytest.mark.parametrize(
    "form", ["$(touch {})", "`touch {}`", "x; touch {}", "x && touch {}", "-x|touch {}"]
)
def test_model_4_no_shell_reads_what_names_a_model_or_its_requirements(
    tmp_path: Path, where: str, form: str
) -> None:
    """CVE-2023-4033 and CVE-2026-0596."""
    hostile = form.format("trace")
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: json\n")
    (model / "requirements.txt").write_text(f"{hostile}\n")
    (tmp_path / "table.csv").write_text("a\n1\n")
    named = "model" if where == "requirements" else f"./{hostile}"
    words = ["models", "predict", f"--model-uri={named}", "-i", "table.csv", "--env-manager", "uv"]
    done = subprocess.run(
        [COMMAND, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "table.csv"]
