from __future__ import annotations

import dataclasses
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pegboard
import pytest
from pegboard import host
from pegboard.errors import (
    AlreadyExists,
    InvalidValue,
    NotSupported,
    PegboardError,
    PluginError,
    Refused,
)
from pegboard_models.mlmodel import Model


class Doubling(pegboard.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input["a"] * 2 * (params or {}).get("times", 1)


class Prepared(pegboard.pyfunc.PythonModel):
    def load_context(self, context: Any) -> None:
        self.word = Path(context.artifacts["word"]).read_text()
        self.files = sorted(os.listdir(context.artifacts["more"]))  # noqa: PTH208
        self.config = context.model_config

    def predict(self, model_input: Any) -> Any:
        return [self.word, self.files, self.config]


class Streaming(pegboard.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: Any) -> Any:
        return list(self.predict_stream(context, model_input))

    def predict_stream(self, context: Any, model_input: Any, params: Any = None) -> Iterator[Any]:
        yield from model_input


class Shouting(pegboard.pyfunc.PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]


@dataclasses.dataclass
class Request:
    text: str
    count: int | None = None


class Structured(pegboard.pyfunc.PythonModel):
    def predict(self, model_input: list[Request]) -> list[str]:
        return [request.text * (request.count or 1) for request in model_input]


def add_one(model_input: pd.DataFrame) -> Any:
    return model_input + 1


def save(model: Any, **arguments: Any) -> Model:
    arguments.setdefault("pip_requirements", [])
    return pegboard.pyfunc.save_model("model", python_model=model, **arguments)


def load(**arguments: Any) -> Any:
    return pegboard.pyfunc.load_model("model", trust=True, **arguments)


def test_a_model_predicts_after_it_was_saved(table: pd.DataFrame) -> None:
    save(Doubling(), input_example=(table, {"times": 1}))
    loaded = load()
    assert list(loaded.predict(table)) == [2.0, 4.0, 6.0]
    assert list(loaded.predict(table, params={"times": 2})) == [4.0, 8.0, 12.0]
    assert isinstance(loaded.unwrap_python_model(), Doubling)
    assert loaded.unwrap() is loaded.unwrap_python_model()


def test_a_function_is_a_model(table: pd.DataFrame) -> None:
    save(add_one, input_example=table)
    assert load().predict(table)["a"].tolist() == [2.0, 3.0, 4.0]


def test_a_model_finds_its_artifacts_and_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("hello")
    more = tmp_path / "more"
    more.mkdir()
    (more / "x").write_text("x")
    artifacts = {"word": "word.txt", "more": str(more)}
    save(Prepared(), artifacts=artifacts, model_config={"one": 1, "two": 2})
    (tmp_path / "word.txt").unlink()
    Path("model").rename("moved")
    loaded = pegboard.pyfunc.load_model("moved", trust=True, model_config={"two": "other"})
    assert loaded.predict([1]) == ["hello", ["x"], {"one": 1, "two": "other"}]
    assert loaded.model_config == {"one": 1, "two": 2}


def test_two_artifacts_of_one_name_are_both_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    saved = save(Doubling(), artifacts={"a": "a/file", "b": "b/file"})
    assert saved.pyfunc is not None
    kept = [Path("model", saved.pyfunc["artifacts"][name]["path"]).read_text() for name in "ab"]
    assert kept == ["a", "b"]


def test_a_directory_that_the_model_is_saved_into_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="inside it"):
        save(Doubling(), artifacts={"all": str(tmp_path)})
    with pytest.raises(InvalidValue, match="inside it"):
        save(Doubling(), code_paths=[tmp_path])
    assert not list(tmp_path.rglob("*all*"))


def test_a_configuration_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("one: [1, 2]\n")
    (tmp_path / "word.txt").write_text("hello")
    (tmp_path / "more").mkdir()
    artifacts = {"word": "word.txt", "more": "more"}
    save(Prepared(), artifacts=artifacts, model_config="config.yaml")
    assert load().predict([1])[2] == {"one": [1, 2]}


def test_a_model_may_predict_in_parts(table: pd.DataFrame) -> None:
    assert save(Streaming()).pyfunc["streamable"] is True  # type: ignore[index]
    assert list(load().predict_stream(["a", "b"])) == ["a", "b"]
    Path("model").rename("streaming")
    assert save(Doubling()).pyfunc["streamable"] is False  # type: ignore[index]
    with pytest.raises(NotSupported):
        load().predict_stream(table)


def test_the_type_hint_of_the_input_is_the_signature() -> None:
    saved = save(Shouting(), input_example=["a"])
    assert saved.is_signature_from_type_hint
    loaded = load()
    assert loaded.predict(["x", "y"]) == ["X", "Y"]
    assert loaded.predict(pd.DataFrame({"n": [1], "text": ["x"]})) == ["X"]
    with pytest.raises(InvalidValue):
        loaded.predict([["x"]])


def test_rows_become_the_objects_that_the_type_hint_names() -> None:
    saved = save(Structured())
    assert saved.signature is not None and saved.signature.inputs is not None
    assert saved.signature.inputs.input_names() == ["count", "text"]
    loaded = load()
    assert loaded.predict([{"text": "ab", "count": 2}, {"text": "c"}]) == ["abab", "c"]
    assert loaded.predict(pd.DataFrame({"text": ["a"], "count": [3]})) == ["aaa"]
    for wrong in ({"count": 1}, {"text": 1}, {"text": "a", "other": 1}):
        with pytest.raises(InvalidValue):
            loaded.predict([wrong])


CODE = """
import pegboard

config = pegboard.models.ModelConfig(development_config={"shift": 0})

class Coded(pegboard.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [value + config.get("shift") for value in model_input["a"]]

pegboard.models.set_model(Coded())
"""


def test_a_file_of_code_is_a_model(tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "coded.py").write_text(CODE)
    save("coded.py", model_config={"shift": 1})
    assert load().predict(table) == [2.0, 3.0, 4.0]
    assert load(model_config={"shift": 10}).predict(table) == [11.0, 12.0, 13.0]
    with pytest.raises(Refused):
        pegboard.pyfunc.load_model("model")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "does not say which object"),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
        ("import no_such_library_at_all", "no_such_library_at_all"),
        ("import pegboard; pegboard.models.set_model(3)", "neither a custom model"),
        ("import pegboard; pegboard.models.ModelConfig().get('x')", "no key 'x'"),
    ],
)
def test_code_that_sets_no_model_is_an_error_for_people(
    tmp_path: Path, code: str, said: str
) -> None:
    (tmp_path / "coded.py").write_text(code)
    save("coded.py")
    with pytest.raises(PegboardError, match=said):
        load()


def test_models_bring_their_own_code_along(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        package = tmp_path / str(number) / "brought"
        package.mkdir()
        (package / "__init__.py").write_text(f"VALUE = {number}")
        (package / "__pycache__").mkdir()
        (tmp_path / "loads_it.py").write_text(
            "import brought\n"
            "class Model:\n"
            "    value = brought.VALUE\n"
            "    def predict(self, data):\n        return self.value\n"
            "def _load_pyfunc(path):\n    return Model()\n"
        )
        pegboard.pyfunc.save_model(
            f"model{number}",
            loader_module="loads_it",
            code_paths=[package, "loads_it.py"],
            pip_requirements=[],
        )
        # Before they are loaded, since Python may keep what it compiles then beside the code.
        assert not list(Path(f"model{number}").rglob("__pycache__"))
    before = list(sys.path)
    try:
        with pytest.raises(Refused, match="loads_it"):
            pegboard.pyfunc.load_model("model1")
        one = pegboard.pyfunc.load_model("model1", trust=True)
        two = pegboard.pyfunc.load_model("model2", trust=True)
        assert [one.predict([1]), two.predict([1])] == [1, 2]
    finally:
        sys.path[:] = before


def test_code_that_leads_elsewhere_is_not_brought_along(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (tmp_path / "secret").write_text("secret")
    (package / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidValue, match="link"):
        save(Doubling(), code_paths=[package])
    with pytest.raises(InvalidValue, match="does not exist"):
        save(Doubling(), code_paths=["nowhere.py"])
    with pytest.raises(InvalidValue, match="a list of paths"):
        save(Doubling(), code_paths="package")
    assert not Path("model").exists()


def test_a_pickle_is_loaded_only_if_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    save(Doubling())
    for trust in (None, False, ["some.Type"], pegboard.models.Trust(types=["x"])):
        with pytest.raises(Refused, match="can run any code") as caught:
            pegboard.pyfunc.load_model("model", trust=trust)
        assert "trust=True" in caught.value.hint
    with pytest.raises(InvalidValue, match="trust is 'yes'"):
        pegboard.pyfunc.load_model("model", trust="yes")
    pegboard.pyfunc.load_model("model", trust=pegboard.models.Trust(pickle=True))
    monkeypatch.setenv("PEGBOARD_TRUST_PICKLE", "1")
    pegboard.pyfunc.load_model("model")
    with pytest.raises(Refused):
        pegboard.pyfunc.load_model("model", trust=False)


class Unpicklable(pegboard.pyfunc.PythonModel):
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def predict(self, model_input: Any) -> Any:
        return model_input


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Unpicklable(), "cannot be pickled.*lock"),
        (Doubling, "not a custom model"),
        (3, "neither a custom model nor a function"),
        ("nowhere.py", "not a file of Python code"),
    ],
)
def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path: Path, model: Any, said: str) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(InvalidValue, match=said):
        save(model)
    assert set(tmp_path.iterdir()) == before


def test_an_argument_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="no_such"):
        save(Doubling(), no_such=1)
    with pytest.raises(InvalidValue, match="either python_model or loader_module"):
        pegboard.pyfunc.save_model("model")
    with pytest.raises(InvalidValue, match="go with python_model"):
        pegboard.pyfunc.save_model("model", loader_module="x", artifacts={"a": "b"})
    with pytest.raises(InvalidValue, match="data path 'nowhere'"):
        pegboard.pyfunc.save_model("model", loader_module="x", data_path="nowhere")


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    save(Doubling())
    with pytest.raises(AlreadyExists):
        save(Doubling())
    (tmp_path / "file").write_text("x")
    with pytest.raises(AlreadyExists):
        pegboard.pyfunc.save_model("file", python_model=Doubling())


def test_a_missing_library_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "loads_nothing.py").write_text("import no_such_library_at_all\n")
    pegboard.pyfunc.save_model(
        "model",
        loader_module="loads_nothing",
        code_paths=["loads_nothing.py"],
        pip_requirements=["no-such-library-at-all==1.0"],
    )
    before = list(sys.path)
    try:
        with pytest.raises(PegboardError, match="no_such_library_at_all"):
            load()
    finally:
        sys.path[:] = before


def test_the_signature_can_be_left_out_or_given(table: pd.DataFrame) -> None:
    assert save(Doubling(), input_example=table, signature=False).signature is None
    Path("model").rename("one")
    given = pegboard.models.infer_signature(table, [1.0])
    assert save(Doubling(), input_example=table, signature=given).signature == given
    Path("model").rename("two")
    with pytest.raises(InvalidValue, match="not a ModelSignature"):
        save(Doubling(), signature="a: double")


def test_a_model_that_fails_on_its_example_is_saved_nevertheless(
    caplog: pytest.LogCaptureFixture,
) -> None:
    saved = save(Doubling(), input_example=pd.DataFrame({"other": [1.0]}))
    assert saved.signature is not None
    assert saved.signature.outputs is None
    assert "fails on the example" in caplog.text


def test_the_digest_is_that_of_the_files(tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "data.txt").write_text("1")
    saved = []
    for name in ("one", "two", "three"):
        if name == "three":
            (tmp_path / "data.txt").write_text("2")
        saved.append(
            pegboard.pyfunc.save_model(
                name, loader_module="x", data_path="data.txt", pip_requirements=["numpy"]
            )
        )
    one, two, three = saved
    assert one.digest == two.digest != three.digest
    assert str(one.digest).startswith("sha256:")
    files = [file for file in Path("one").rglob("*") if file.is_file() and file.name != "MLmodel"]
    assert one.model_size_bytes == sum(file.stat().st_size for file in files)


def test_the_configuration_of_a_logged_model_is_among_the_params_of_its_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def log(config: dict[str, Any]) -> None:
        pegboard.pyfunc.log_model(
            name="model", python_model=Doubling(), model_config=config, pip_requirements=[]
        )

    with pegboard.start_run() as run:
        log({"temperature": 0.5, "store": {"kind": "files", "size": 3}})
        assert not caplog.records
        log({"temperature": 0.75})
    assert pegboard.get_run(run.info.run_id).data.params == {
        "temperature": "0.5",
        "store/kind": "files",
        "store/size": "3",
    }
    assert "temperature" in caplog.text
    log({"temperature": 1})


def test_what_predicts_in_a_process_of_its_own_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host.current(), "commands", lambda: ())
    with pytest.raises(PluginError, match="pip install pegboard-serving"):
        pegboard.models.predict("model", [1])
