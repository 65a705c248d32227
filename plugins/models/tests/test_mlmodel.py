from __future__ import annotations

from pathlib import Path
from typing import Any

import pegboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.errors import InvalidValue, NotFound, PegboardError, UnsafePath
from pegboard_models import loading, mlmodel, yaml_files
from pegboard_models.mlmodel import Model
from pegboard_models.schema import ColSpec, Schema
from pegboard_models.signature import ModelSignature


def model() -> Model:
    return Model(
        flavors={"python_function": {"loader_module": "mlflow.sklearn", "data": "model.txt"}},
        signature=ModelSignature(Schema([ColSpec("double", "a")])),
        run_id="run",
        metadata={"deep": {"list": [1, None, "x"]}},
        env_vars=["KEY"],
        extra={"databricks_runtime": "15"},
    )


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    model().save(tmp_path)
    assert Model.load(tmp_path).to_dict() == Model.load(tmp_path / "MLmodel").to_dict()
    loaded = Model.load(tmp_path)
    assert loaded.extra == {"databricks_runtime": "15"}
    assert loaded.signature == model().signature
    assert loaded.metadata == model().metadata


def test_files_of_old_versions_of_mlflow_are_read(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
        "    env: conda.yaml\nutc_time_created: 2018-05-25 17:28:53.35\n"
    )
    loaded = Model.load(tmp_path)
    assert loaded.utc_time_created.startswith("2018-05-25 17:28:53.35")
    assert loaded.model_uuid is None
    assert loaded.signature is None


def test_a_directory_without_the_file_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="MLmodel"):
        Model.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a mapping"),
        ("- 1", "not a mapping"),
        ("flavors: 1", "'flavors'"),
        ("flavors: {x: 1}", "'flavors'"),
        ("flavors: {}\nsignature: 1", "'signature'"),
        ("flavors: {}\nsignature: {inputs: '{'}", "not valid JSON"),
        ("flavors: {}\nsignature: {inputs: 3}", "not valid JSON"),
        ("flavors: {}\nmetadata: [1]", "'metadata'"),
        ("flavors: {}\nmodel_size_bytes: many", "'model_size_bytes'"),
        ("flavors: {}\nrun_id: {a: 1}", "'run_id'"),
        ("a: b: c", "not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: " + "[" * 5000, "not valid YAML"),
        ("\x00\x01", "not valid YAML"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(InvalidValue, match=said) as caught:
        Model.load(tmp_path)
    assert str(tmp_path / "MLmodel") in str(caught.value)


def test_a_file_that_is_not_text_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_bytes(b"a: \x80\x81\xff" * 100)
    with pytest.raises(InvalidValue, match="not valid YAML"):
        Model.load(tmp_path)


def test_a_few_lines_that_stand_for_billions_of_values_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    (tmp_path / "MLmodel").write_text("\n".join(lines))
    with pytest.raises(InvalidValue, match="more than"):
        Model.load(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_files, "MAX_BYTES", 1000)
    (tmp_path / "MLmodel").write_text("a: " + "x" * 2000)
    with pytest.raises(InvalidValue, match="larger than"):
        Model.load(tmp_path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
KEYS = st.sampled_from([*mlmodel._TYPES, "flavors", "signature", "other"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=PLAIN | st.dictionaries(KEYS, PLAIN))
def test_whatever_a_file_holds_the_error_is_one_for_people(content: Any, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(yaml_files.dump(content))
    try:
        loaded = Model.load(tmp_path)
    except PegboardError as error:
        assert str(tmp_path) in str(error)
    else:
        loaded.save(tmp_path)
        assert Model.load(tmp_path) == loaded


# -- what an entry names ---------------------------------------------------------------------------


def saved(place: Path, **entry: Any) -> str:
    entry = {"loader_module": "mlflow.pyfunc.model", **entry}
    Model(flavors={"python_function": entry}).save(place)
    return str(place)


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "a/../../secret", "%2e%2e/secret"])
@pytest.mark.parametrize("key", ["python_model", "code", "artifacts"])
def test_a_path_that_climbs_out_is_refused(tmp_path: Path, key: str, path: str) -> None:
    place = tmp_path / "model"
    place.mkdir()
    (tmp_path / "secret").write_text("secret")
    value = {"x": {"path": path, "uri": ""}} if key == "artifacts" else path
    code = {"model_code_path": "code.py"} if key == "artifacts" else {}
    (place / "code.py").write_text(
        "import pegboard\npegboard.models.set_model(pegboard.pyfunc.PythonModel())"
    )
    with pytest.raises(UnsafePath):
        pegboard.pyfunc.load_model(saved(place, **{key: value}, **code), trust=True)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "model"
    place.mkdir()
    (tmp_path / "secret").write_text("secret")
    (place / "python_model.pkl").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafePath, match="link"):
        pegboard.pyfunc.load_model(saved(place, python_model="python_model.pkl"), trust=True)


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, ["x"]])
def test_a_path_that_is_no_text_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InvalidValue, match="python_model"):
        pegboard.pyfunc.load_model(saved(tmp_path, python_model=value), trust=True)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"incomplete.*python_model\.pkl"):
        pegboard.pyfunc.load_model(saved(tmp_path, python_model="python_model.pkl"), trust=True)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x80\x05\x95", b"\x80\x04N.", b"cos\nno\n."]
)
def test_a_damaged_pickle_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "python_model.pkl").write_bytes(content)
    with pytest.raises(PegboardError) as caught:
        pegboard.pyfunc.load_model(saved(tmp_path, python_model="python_model.pkl"), trust=True)
    assert "python_model.pkl" in str(caught.value) or "custom model" in str(caught.value)


def test_an_unknown_flavor_says_what_to_install(tmp_path: Path) -> None:
    place = saved(tmp_path, loader_module="mlflow.catboost")
    with pytest.raises(PegboardError) as caught:
        pegboard.pyfunc.load_model(place)
    assert "pip install pegboard-catboost" in str(caught.value)
    with pytest.raises(NotFound, match="not one of the flavor 'sklearn'"):
        loading.load_native(place, "sklearn")


@pytest.mark.parametrize("loader", [None, "", 3])
def test_a_generic_form_without_a_loader_is_damaged(tmp_path: Path, loader: Any) -> None:
    with pytest.raises(InvalidValue, match="loader_module"):
        pegboard.pyfunc.load_model(saved(tmp_path, loader_module=loader))


@pytest.mark.parametrize("loader", ["no_such_module_at_all", "json", "a b", "..x", "os.path"])
def test_a_loader_that_is_none_is_an_error_for_people(tmp_path: Path, loader: str) -> None:
    place = saved(tmp_path, loader_module=loader)
    with pytest.raises(pegboard.errors.Refused):
        pegboard.pyfunc.load_model(place)
    with pytest.raises(PegboardError, match="loader"):
        pegboard.pyfunc.load_model(place, trust=True)


def test_a_model_without_a_generic_form_says_so(tmp_path: Path) -> None:
    Model(flavors={"sklearn": {}}).save(tmp_path)
    with pytest.raises(NotFound, match="sklearn"):
        pegboard.pyfunc.load_model(str(tmp_path))


def test_a_file_is_not_the_directory_of_a_model(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(InvalidValue, match="not the directory"):
        pegboard.pyfunc.load_model(str(tmp_path / "MLmodel"))
    with pytest.raises(NotFound):
        pegboard.pyfunc.load_model(str(tmp_path / "nowhere"))
