from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pegboard
import polars as pl
import pytest
import yaml
from pegboard import host
from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.entities.logged_models import LoggedModelStatus
from pegboard.errors import InvalidValue, NotFound, PegboardError, UnsafePath
from pegboard.hookspecs import ApiName, Flavor, hookimpl
from pegboard_models import object_graph, saving
from pegboard_models.flavor_apis import flavor_api
from pegboard_models.model_files import local_copy
from pegboard_testing.targets import target_of
from scipy.sparse import csc_matrix, csr_matrix


class Line:
    """A model of a library that there is not."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def predict(self, data: Any) -> Any:
        return np.asarray(data)[:, 0] * self.slope


class LineFlavor(ModelFlavor):
    name: ClassVar[str] = "line"
    loader_module: ClassVar[str] = "mlflow.line"

    def accepts(self, model: Any) -> bool:
        return isinstance(model, Line)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        if options.get("fail"):
            (directory / "half").write_text("half")
            raise InvalidValue("This one fails.")
        (directory / "line.json").write_text(json.dumps(model.slope))
        return SavedFlavor({"data": "line.json", **options}, "line.json", ["line==1.0"])

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        return Line(json.loads((directory / config["data"]).read_text()))

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        return lambda data, params: model.predict(data)


class LinePlugin:
    @hookimpl
    def pegboard_model_flavors(self) -> list[Flavor[ModelFlavor]]:
        return [Flavor("line", target_of(LineFlavor), "Lines")]

    @hookimpl
    def pegboard_api(self) -> list[ApiName]:
        return [ApiName("line", target_of(flavor_api("line")), "Lines")]


@pytest.fixture(autouse=True)
def line(tracked: Path) -> Any:
    host.current().register(LinePlugin(), "line")
    return host.current().api_name("line")


def test_a_model_is_logged_to_the_active_run(line: Any, table: pd.DataFrame) -> None:
    with pegboard.start_run() as run:
        pegboard.log_param("lr", 0.1)
        pegboard.log_metric("loss", 0.5, step=3)
        pegboard.log_metric("loss", 0.7, step=4)
        info = line.log_model(
            Line(2.0), name="best", input_example=table, tags={"k": "v"}, params={"p": 1},
            model_type="straight", step=3, metadata={"m": [1]},
        )  # fmt: skip
    logged = pegboard.get_logged_model(info.model_id)
    assert logged.status == LoggedModelStatus.READY
    assert (logged.name, logged.model_type) == ("best", "straight")
    assert logged.source_run_id == run.info.run_id
    assert logged.params == {"lr": "0.1", "p": "1"}
    assert logged.tags["k"] == "v"
    assert [(point.key, point.value) for point in logged.metrics] == [("loss", 0.5)]
    (output,) = pegboard.get_run(run.info.run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (info.model_id, 3)
    assert info.model_uri == f"models:/{info.model_id}"
    assert info.metadata == {"m": [1]}
    assert info.run_id == run.info.run_id
    assert list(pegboard.pyfunc.load_model(info.model_uri).predict(table)) == [2.0, 4.0, 6.0]
    assert line.load_model(info.model_uri).slope == 2.0
    last = pegboard.last_logged_model()
    assert last is not None and last.model_id == info.model_id


def test_without_a_run_the_model_belongs_to_the_experiment(line: Any) -> None:
    info = line.log_model(Line(1.0), "older_way_to_name_it")
    assert pegboard.active_run() is None
    logged = pegboard.get_logged_model(info.model_id)
    assert (logged.name, logged.source_run_id) == ("older_way_to_name_it", None)


def test_files_on_this_machine_are_not_copied(line: Any, tracked: Path) -> None:
    info = line.log_model(Line(1.0))
    place = local_copy(info.model_uri)
    assert tracked in place.parents
    assert local_copy(place) == place
    assert local_copy(place.as_uri()) == place
    copied = local_copy(info.model_uri, dst_path=tracked / "copy")
    assert (copied / "line.json").read_text() == "1.0"


def test_a_model_in_a_directory_is_found_without_an_artifact_store(
    line: Any, tracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tracked / "a model"
    line.save_model(Line(3.0), place)
    (tracked / "link").symlink_to("/etc")
    monkeypatch.setattr(host.current(), "artifact_store", lambda uri: pytest.fail(uri))
    for uri in ("a model", "./a model/", "x/../a model", place, "file:a%20model", place.as_uri()):
        assert local_copy(uri) == place
    assert line.load_model("a model").slope == 3.0
    for uri in ("nothing", "file:nothing", "a model/nothing"):
        with pytest.raises(NotFound, match="'nothing'"):
            local_copy(uri)
    for uri in ("a model/MLmodel", "file:a%20model/MLmodel"):
        with pytest.raises(InvalidValue, match="not the directory of a model"):
            local_copy(uri)
    for uri in ("link", "file:link", "a model/..", "file:a%20model/.."):
        with pytest.raises(UnsafePath):
            local_copy(uri)
    for uri in ("", "file:", "file://elsewhere/model"):
        with pytest.raises(InvalidValue):
            local_copy(uri)


def test_a_model_among_the_files_of_a_run_is_loaded_by_its_path(line: Any) -> None:
    line.save_model(Line(3.0), "saved")
    with pegboard.start_run() as run:
        pegboard.log_artifact("saved")
    assert line.load_model(f"runs:/{run.info.run_id}/saved").slope == 3.0


def test_one_file_of_a_model_is_had_by_uri(line: Any) -> None:
    info = line.log_model(Line(1.5))
    assert pegboard.artifacts.load_dict(f"{info.model_uri}/line.json") == 1.5
    names = [entry.path for entry in pegboard.artifacts.list_artifacts(info.model_uri)]
    assert {"MLmodel", "line.json", "requirements.txt"} <= set(names)
    with pytest.raises(UnsafePath):
        pegboard.artifacts.download_artifacts(f"{info.model_uri}/../../secret")


@pytest.mark.parametrize(
    "uri", ["models:/m-" + "0" * 32, "models:/nothing", "runs:/" + "0" * 32 + "/model"]
)
def test_a_model_that_is_not_there_is_not_found(uri: str) -> None:
    with pytest.raises(NotFound):
        pegboard.pyfunc.load_model(uri)


@pytest.mark.parametrize("uri", ["models:", "models:/", "models:/@alias", "models:/name@"])
def test_a_uri_that_names_nothing_is_refused(uri: str) -> None:
    with pytest.raises(InvalidValue):
        pegboard.pyfunc.load_model(uri)


def test_a_model_that_fails_is_marked_and_the_run_goes_on(line: Any, tmp_path: Path) -> None:
    with pegboard.start_run() as run:
        with pytest.raises(InvalidValue, match="This one fails"):
            line.log_model(Line(1.0), name="broken", fail=True, registered_model_name="never")
        pegboard.log_metric("after", 1.0)
        info = line.log_model(Line(2.0), name="whole")
    models = {model.name: model for model in pegboard.search_logged_models(output_format="list")}
    assert models["broken"].status == LoggedModelStatus.FAILED
    assert models["whole"].status == LoggedModelStatus.READY
    outputs = pegboard.get_run(run.info.run_id).outputs.model_outputs
    assert [each.model_id for each in outputs] == [info.model_id]
    assert not list(Path(models["broken"].artifact_location.removeprefix("file://")).rglob("*"))
    with pytest.raises(PegboardError):
        pegboard.pyfunc.load_model(f"models:/{models['broken'].model_id}")


def test_options_that_were_not_said_are_not_passed_on(line: Any) -> None:
    line.save_model(line_model=Line(1.0), path="saved", serialization_format=None, other="x")
    info = pegboard.models.get_model_info("saved")
    assert info.flavors["line"] == {"code": None, "data": "line.json", "other": "x"}


def test_a_model_has_to_be_given_once(line: Any) -> None:
    with pytest.raises(InvalidValue, match="not given a model"):
        line.log_model(name="x")
    with pytest.raises(InvalidValue, match="'path' is given twice"):
        line.save_model(Line(1.0), "here", path="there")
    with pytest.raises(InvalidValue, match="needs the path"):
        line.save_model(Line(1.0))


def test_what_is_known_of_a_model_is_told_without_loading_it(
    line: Any, table: pd.DataFrame
) -> None:
    logged = line.log_model(Line(1.0), name="x", input_example=table)
    info = pegboard.models.get_model_info(logged.model_uri)
    assert pegboard.models.Model.load(logged.model_uri) == info.mlmodel
    assert info.signature == logged.signature
    assert (info.name, info.model_id, info.digest) == ("x", logged.model_id, logged.digest)
    assert info.saved_input_example_info["type"] == "dataframe"  # type: ignore[index]


def test_a_logged_model_can_be_given_another_signature(line: Any, table: pd.DataFrame) -> None:
    uri = line.log_model(Line(1.0)).model_uri
    signature = pegboard.models.infer_signature(table)
    pegboard.models.set_signature(uri, signature)
    assert pegboard.models.get_model_info(uri).signature == signature
    with pytest.raises(InvalidValue, match="'a' is missing"):
        pegboard.pyfunc.load_model(uri).predict({"b": [1]})
    with pytest.raises(InvalidValue, match="register it again"):
        pegboard.models.set_signature("models:/name/1", signature)


@pytest.mark.parametrize(
    "example",
    [
        pd.DataFrame({"a": [1.5, None], "t": np.array(["2020", "2021"], dtype="M8[ns]")}),
        pd.DataFrame({"a": np.array([1, 2], dtype="int32"), "b": [b"x", b"\xff"]}),
        pd.DataFrame({"a": [[1, 2], [3]], "o": [{"x": 1}, {"x": 2}]}),
        pd.DataFrame(np.ones((2, 3))),
        np.arange(6, dtype="float32").reshape(2, 3),
        np.array([1.0, np.nan]),
        csr_matrix(np.eye(3)),
        csc_matrix(np.array([[0.0, 1.5], [2.0, 0.0]])),
        {"x": np.ones((2, 2)), "y": np.array([1, 2], dtype="int8")},
        {"text": "hello", "n": 1},
        {"messages": [{"role": "user", "content": "hi"}]},
        ["a", "b"],
        "text",
        1.5,
    ],
    ids=repr,
)
def test_an_example_comes_back_as_it_was(line: Any, example: Any) -> None:
    line.save_model(Line(1.0), "saved", input_example=example)
    model = pegboard.models.Model.load("saved")
    again = model.load_input_example("saved")
    if isinstance(example, pd.DataFrame):
        pd.testing.assert_frame_equal(again, example)
    elif hasattr(example, "toarray"):
        assert type(again) is type(example)
        np.testing.assert_array_equal(again.toarray(), example.toarray())
    elif isinstance(example, np.ndarray):
        np.testing.assert_array_equal(again, example)
        assert again.dtype == example.dtype
    elif isinstance(example, dict) and isinstance(next(iter(example.values())), np.ndarray):
        for key, value in example.items():
            np.testing.assert_array_equal(again[key], value)
            assert again[key].dtype == value.dtype
    else:
        assert again == example
    serving = json.loads(str(model.get_serving_input("saved")))
    assert set(serving) <= {"inputs", "dataframe_split", "messages"}


def test_tables_of_polars_are_examples_and_input(line: Any) -> None:
    example = pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2]})
    line.save_model(Line(2.0), "saved", input_example=example)
    loaded = pegboard.pyfunc.load_model("saved")
    assert list(loaded.predict(example)) == [2.0, 4.0]


def test_a_damaged_example_is_an_error_for_people(line: Any, table: pd.DataFrame) -> None:
    line.save_model(Line(1.0), "saved", input_example=table)
    for content in ("", "[", "{}", "3", '{"data": 1}'):
        Path("saved/input_example.json").write_text(content)
        with pytest.raises(PegboardError, match=r"input_example\.json|example of input"):
            pegboard.pyfunc.load_model("saved").input_example  # noqa: B018


@pytest.mark.parametrize("wrong", [object(), {"a": np.ones(1), "b": "x"}, {1, 2}, [object()]])
def test_what_is_no_example_is_refused(line: Any, wrong: Any) -> None:
    with pytest.raises(InvalidValue, match="example of input"):
        line.save_model(Line(1.0), "saved", input_example=wrong)
    assert not Path("saved").exists()


# -- requirements ----------------------------------------------------------------------------------


def requirements(place: str = "saved") -> list[str]:
    return Path(place, "requirements.txt").read_text().splitlines()


def test_a_flavor_s_requirements_are_written_in_all_three_files(line: Any) -> None:
    line.save_model(Line(1.0), "saved")
    needed = requirements()
    assert "line==1.0" in needed
    conda = yaml.safe_load(Path("saved/conda.yaml").read_text())
    version = ".".join(map(str, sys.version_info[:3]))
    assert conda["dependencies"] == [f"python={version}", "pip", {"pip": needed}]
    python_env = yaml.safe_load(Path("saved/python_env.yaml").read_text())
    assert python_env["python"] == version
    assert python_env["dependencies"] == ["-r requirements.txt"]
    assert pegboard.pyfunc.get_model_dependencies("saved") == str(
        Path("saved/requirements.txt").absolute()
    )


def test_requirements_may_be_given(line: Any, tmp_path: Path) -> None:
    line.save_model(Line(1.0), "one", pip_requirements=["a==1", "b"])
    assert requirements("one") == ["a==1", "b"]
    line.save_model(Line(1.0), "two", extra_pip_requirements=["a==1", "line==2.0"])
    assert requirements("two")[-2:] == ["a==1", "line==2.0"]
    assert "line==1.0" not in requirements("two")
    (tmp_path / "more.txt").write_text("c\n")
    (tmp_path / "limits.txt").write_text("d<3\n")
    (tmp_path / "reqs.txt").write_text("# note\na==1  # why\n-r more.txt\n-c limits.txt\n\n")
    line.save_model(Line(1.0), "three", pip_requirements=str(tmp_path / "reqs.txt"))
    assert requirements("three") == ["a==1", "c", "-c constraints.txt"]
    assert Path("three/constraints.txt").read_text() == "d<3\n"
    environment = {"name": "mine", "dependencies": ["python=3.11", {"pip": ["x==1"]}]}
    line.save_model(Line(1.0), "four", conda_env=environment)
    assert requirements("four") == ["x==1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pip_requirements": "nowhere.txt"},
        {"pip_requirements": [1]},
        {"pip_requirements": ["a"], "extra_pip_requirements": ["b"]},
        {"pip_requirements": ["a"], "conda_env": {}},
        {"conda_env": ["a"]},
        {"pip_requirements": ["-r nowhere.txt"]},
    ],
)
def test_requirements_that_make_no_sense_are_refused(line: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(PegboardError):
        line.save_model(Line(1.0), "saved", **wrong)
    assert not Path("saved").exists()


def test_a_file_of_requirements_that_refers_to_itself_is_refused(line: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(InvalidValue, match="refers to itself"):
        line.save_model(Line(1.0), "saved", pip_requirements="a.txt")


class Tensor:
    """Data of a library, which is far too large to be pickled."""

    shape = (10**6, 10**6)

    def __array__(self) -> Any:
        raise MemoryError

    def __reduce__(self) -> Any:
        raise MemoryError


def test_what_a_model_refers_to_is_found_without_a_look_at_its_data() -> None:
    model = {"weights": [Tensor(), np.ones(10**6)], "inner": Line(1.0), "library": yaml.safe_load}
    found = object_graph.modules_of(model)
    assert {"numpy", "yaml", Line.__module__} <= found
    # A part that cannot be pickled takes nothing away from what was found before.
    assert "yaml" in object_graph.modules_of([yaml.safe_load, threading.Lock()])


INFERRED = """
import sys
import threading
sys.path.insert(0, ".")
import importlib
import pegboard
import mine

class Model(pegboard.pyfunc.PythonModel):
    def load_context(self, context):
        self.found = importlib.import_module("hypothesis")

    def predict(self, context, model_input, params=None):
        import polars
        return mine.answer(model_input)

if __name__ == "__main__":
    import pytest
    pegboard.pyfunc.save_model("saved", python_model=Model(), code_paths=["mine"])
"""


def test_requirements_are_those_of_all_that_the_model_s_code_imports(tmp_path: Path) -> None:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import answer\n")
    (package / "inner.py").write_text(
        "import json\n\n\ndef answer(data):\n    from attrs import frozen\n    return data\n"
    )
    (tmp_path / "script.py").write_text(INFERRED)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = {line.partition("==")[0] for line in requirements()}
    # Read in the code, called in it, and imported by a name that only a run tells.
    assert found == {"attrs", "cloudpickle", "hypothesis", "polars"}
    assert all("==" in line for line in requirements())


def test_a_model_that_fails_in_a_fresh_process_is_saved_nevertheless(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(pegboard.pyfunc.PythonModel):
        def load_context(self, context: Any) -> None:
            raise RuntimeError("not here")

        def predict(self, model_input: Any) -> Any:
            return model_input

    pegboard.pyfunc.save_model("saved", python_model=Failing())
    assert "cloudpickle" in [line.partition("==")[0] for line in requirements()]
    assert "not here" in caplog.text


def test_an_unknown_flavor_is_refused_before_anything_is_logged() -> None:
    with pytest.raises(PegboardError, match="pip install pegboard-nothing"):
        saving.log_model("nothing", Line(1.0))
    assert pegboard.search_logged_models(output_format="list") == []
