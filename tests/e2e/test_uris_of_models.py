"""Every form of a model's URI means the same to all that read it, here and through a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pegboard
import pytest
from attrs import frozen
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard.errors import InvalidValue, NotFound
from pegboard_registry.lineage import trace
from pegboard_testing.isolation import separate_tracking
from served import serving, started
from sklearn.linear_model import LogisticRegression

FORMS = {
    "logged model of a run": "runs:/{run}/net",
    "directory of a run": "runs:/{run}/deep/kept",
    "logged model": "models:/{model}",
    "version": "models:/iris/1",
    "alias": "models:/iris@champion",
    "latest": "models:/iris/latest",
    "stage": "models:/iris/Staging",
    "version of a directory": "models:/kept/1",
    "version of a run's model": "models:/late/1",
    "copy of a copy": "models:/copied/2",
    "place": "{place}",
    "file": "{file}",
    "plain path": "{path}",
}
LOCAL = ("file", "plain path")
OF_RUNS = [form for form in FORMS if form not in (*LOCAL, "place")]
ROWS = pd.DataFrame({"a": [1.0, 4.0], "b": [1, 4]})
ANSWER = [0, 1]


@frozen
class Home:
    """Where models were logged, and what stands for the parts of their URIs."""

    uri: str
    place: Path
    parts: dict[str, str]

    @property
    def remote(self) -> bool:
        return self.uri.startswith("http")

    def __getitem__(self, form: str) -> str:
        return FORMS[form].format(**self.parts)

    def run(self, *words: str) -> Any:
        done = CliRunner().invoke(cli, ["--tracking-uri", self.uri, *words])
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture(scope="module", params=["here", "through a server"])
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    place = tmp_path_factory.mktemp("home")
    with separate_tracking(place):
        if request.param == "here":
            yield train(f"sqlite:{place / 'runs.db'}", place)
        else:
            server = tmp_path_factory.mktemp("server")
            with serving(server) as url:
                yield train(url, place)


def train(uri: str, place: Path) -> Home:
    pegboard.set_tracking_uri(uri)
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0] * 5, "b": [1, 2, 3, 4] * 5})
    model = LogisticRegression().fit(table, [0, 0, 1, 1] * 5)
    path = place / "saved"
    pegboard.sklearn.save_model(model, path, input_example=table.head(2))
    with pegboard.start_run() as run:
        info = pegboard.sklearn.log_model(model, name="net", input_example=table.head(2))
        pegboard.log_artifacts(path, "deep/kept")
        # A directory of the model's name that holds no model hides none.
        pegboard.log_text("seen", "net/notes.txt")
        pegboard.log_text("plain", "notes.txt")
    client, run_id = pegboard.MlflowClient(), run.info.run_id
    pegboard.register_model(f"runs:/{run_id}/net", "iris")
    client.set_registered_model_alias("iris", "champion", "1")
    client.transition_model_version_stage("iris", "1", "Staging")
    pegboard.register_model(f"runs:/{run_id}/deep/kept", "kept")
    client.create_registered_model("late")
    client.create_model_version("late", f"runs:/{run_id}/net", run_id)
    client.copy_model_version("models:/iris/1", "copied")
    client.copy_model_version("models:/copied/1", "copied")
    parts = {
        "run": run_id,
        "model": str(info.model_id),
        "place": client.get_artifact_uri(run_id, "deep/kept"),
        "file": path.as_uri(),
        "path": str(path),
    }
    return Home(uri, place, parts)


every_form = pytest.mark.parametrize("form", FORMS)


@every_form
def test_it_is_loaded_and_described(home: Home, form: str) -> None:
    uri = home[form]
    assert pegboard.pyfunc.load_model(uri).predict(ROWS).tolist() == ANSWER
    assert pegboard.sklearn.load_model(uri).predict(ROWS).tolist() == ANSWER
    info = pegboard.models.get_model_info(uri)
    assert info.signature is not None and info.signature.inputs.input_names() == ["a", "b"]
    assert (info.model_id == home.parts["model"]) is (
        form not in ("directory of a run", "version of a directory", "place", *LOCAL)
    )
    assert "scikit-learn" in Path(pegboard.pyfunc.get_model_dependencies(uri)).read_text()


@every_form
def test_its_files_are_listed_read_and_copied(home: Home, form: str, tmp_path: Path) -> None:
    uri = home[form]
    names = {Path(file.path).name for file in pegboard.artifacts.list_artifacts(uri)}
    assert {"MLmodel", "requirements.txt"} <= names
    assert "mlflow.sklearn" in pegboard.artifacts.load_text(f"{uri}/MLmodel")
    for target in (None, tmp_path / "copied"):
        copied = Path(pegboard.artifacts.download_artifacts(uri, dst_path=target))
        assert {file.name for file in copied.iterdir()} == names
        assert target is None or copied == target or target in copied.parents
    one = pegboard.artifacts.download_artifacts(f"{uri}/MLmodel", dst_path=tmp_path / "one")
    assert Path(one).name == "MLmodel" and "mlflow.sklearn" in Path(one).read_text()
    with pytest.raises(NotFound):
        pegboard.artifacts.load_text(f"{uri}/nothing")


@every_form
def test_it_is_registered(home: Home, form: str) -> None:
    name = f"again {form}"
    if home.remote and form in LOCAL:
        with pytest.raises(InvalidValue, match="not allowed"):
            pegboard.register_model(home[form], name)
        return
    if home.remote and form == "place":
        # A server wants to know of which run the files are.
        client = pegboard.MlflowClient()
        client.create_registered_model(name)
        made = client.create_model_version(name, home[form], home.parts["run"])
        assert made.run_id == home.parts["run"]
    else:
        made = pegboard.register_model(home[form], name)
        assert made.run_id == (None if form in (*LOCAL, "place") else home.parts["run"])
    loaded = pegboard.pyfunc.load_model(f"models:/{name}/1")
    assert loaded.predict(ROWS).tolist() == ANSWER


@every_form
def test_where_it_comes_from_is_told(home: Home, form: str) -> None:
    client = pegboard.MlflowClient()
    if form not in OF_RUNS:
        with pytest.raises(InvalidValue, match="nothing is known"):
            trace(client, home[form])
        return
    found = trace(client, home[form])
    assert found.run_id == home.parts["run"]
    assert "requirements" in found.environment
    assert ("made by", "run") in [(node.relation, node.kind) for node in found.upstream]


@every_form
def test_the_command_line_takes_it(home: Home, form: str, tmp_path: Path) -> None:
    uri, rows = home[form], tmp_path / "rows.csv"
    ROWS.to_csv(rows, index=False)
    listed = json.loads(home.run("artifacts", "list", uri, "--json"))
    assert "MLmodel" in {Path(file["path"]).name for file in listed}
    every = home.run("artifacts", "list", uri, "-r")
    assert "MLmodel" in every and "requirements.txt" in every
    home.run("artifacts", "download", uri, "--to", str(tmp_path / "files"))
    assert list((tmp_path / "files").rglob("MLmodel"))
    home.run("artifacts", "download", uri, "MLmodel", "--to", str(tmp_path / "file"))
    assert [file.name for file in (tmp_path / "file").rglob("*") if file.is_file()] == ["MLmodel"]
    place = json.loads(home.run("models", "download", uri, "--to", str(tmp_path / "m"), "--json"))
    assert (Path(place["path"]) / "MLmodel").is_file()
    answer = home.run("models", "predict", "-m", uri, "-i", str(rows))
    assert json.loads(answer) == {"predictions": ANSWER}
    if form in OF_RUNS:
        assert home.parts["run"] in home.run("lineage", uri, "--json")
        home.run("models", "register", uri, "by command")
    if form in ("logged model", "logged model of a run"):
        assert json.loads(home.run("models", "show", uri, "--json"))["name"] == "net"


def test_it_is_served(home: Home, tmp_path: Path) -> None:
    import urllib.request

    (tmp_path / "pegboard.toml").write_text(f"[tracking]\nuri = {home.uri!r}\n")
    words = ("models", "serve", "-m", home["logged model of a run"])
    with started(tmp_path, *words) as url:
        body = json.dumps({"dataframe_split": ROWS.to_dict(orient="split")}).encode()
        asked = urllib.request.Request(
            url.rstrip("/") + "/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert json.loads(answer.read()) == {"predictions": ANSWER}


def test_other_files_of_the_run_are_found_beside_the_model(home: Home) -> None:
    run = home.parts["run"]
    assert pegboard.artifacts.load_text(f"runs:/{run}/notes.txt") == "plain"
    assert pegboard.artifacts.load_text(f"runs:/{run}/net/notes.txt") == "seen"
    client = pegboard.MlflowClient()
    listed = [file.path for file in client.list_artifacts(run, "net")]
    assert "net/MLmodel" in listed
    assert Path(client.download_artifacts(run, "net/MLmodel")).name == "MLmodel"
    assert [file.path for file in client.list_artifacts(run, "deep")] == ["deep/kept"]


@pytest.mark.parametrize(
    "uri",
    ["runs:/{run}/nothing", "runs:/" + "0" * 32 + "/net", "models:/m-" + "0" * 32, "models:/no/1",
     "models:/iris/9", "models:/iris@nobody", "models:/iris/Production", "{place}/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(home: Home, uri: str) -> None:
    uri = uri.format(**home.parts)
    for read in (pegboard.pyfunc.load_model, pegboard.artifacts.download_artifacts,
                 pegboard.models.get_model_info):  # fmt: skip
        with pytest.raises(NotFound):
            read(uri)


@pytest.mark.parametrize("uri", ["runs:/", "runs:", "models:/", "models:/@a", "models:/iris/1/../x",
                                 "runs:/{run}/../x"])  # fmt: skip
def test_what_is_malformed_is_said_to_be_so(home: Home, uri: str) -> None:
    with pytest.raises(InvalidValue):
        pegboard.artifacts.download_artifacts(uri.format(**home.parts))


@pytest.mark.parametrize("name", ["iris", "kept", "late", "copied"])
def test_a_server_hands_out_the_files_of_a_version(home: Home, name: str) -> None:
    if not home.remote:
        assert pegboard.artifacts.list_artifacts(f"models:/{name}/1")
        return
    import urllib.request

    where = f"model-versions/get-artifact?name={name}&version=1&path=MLmodel"
    with urllib.request.urlopen(f"{home.uri}/{where}") as answer:
        assert b"mlflow.sklearn" in answer.read()
