from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound, UnsafePath
from pegboard_scripting.client import transfer
from PIL import Image


@pytest.fixture
def files() -> Any:
    """Return the artifact store of an active run."""
    run = pegboard.start_run()
    return pegboard.Client().artifacts(run.info.run_id)


def test_files_and_directories_are_logged_with_their_names(files: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "deep" / "b.txt").write_text("b")
    pegboard.log_artifact(str(source / "a.txt"))
    pegboard.log_artifact(source / "a.txt", "below")
    pegboard.log_artifact(source, "whole")
    pegboard.log_artifacts(source, "content")
    assert files.files == {
        "a.txt": b"a",
        "below/a.txt": b"a",
        "whole/source/a.txt": b"a",
        "whole/source/deep/b.txt": b"b",
        "content/a.txt": b"a",
        "content/deep/b.txt": b"b",
    }


def test_links_are_followed_but_not_in_circles(files: Any, tmp_path: Path) -> None:
    source, other = tmp_path / "source", tmp_path / "other"
    source.mkdir()
    other.mkdir()
    (other / "x.txt").write_text("x")
    (source / "link").symlink_to(other)
    (other / "back").symlink_to(source)
    pegboard.log_artifacts(source)
    assert "link/x.txt" in files.files
    assert max(path.count("/") for path in files.files) < 5


def test_what_is_no_file_is_refused(files: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="does not exist"):
        pegboard.log_artifact(tmp_path / "missing")
    with pytest.raises(InvalidValue, match="not a directory"):
        pegboard.log_artifacts(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidValue, match="regular"):
        pegboard.log_artifact(tmp_path / "pipe")


@pytest.mark.parametrize("path", ["../out.txt", "/abs.txt", "a/%2e%2e/%2e%2e/out.txt"])
def test_paths_cannot_leave_the_run(files: Any, path: str) -> None:
    with pytest.raises(UnsafePath):
        pegboard.log_text("x", path)
    with pytest.raises(UnsafePath):
        pegboard.log_figure(object(), path)
    assert files.files == {}


def test_text_dicts_and_streams_become_files(files: Any) -> None:
    pegboard.log_text("grüße\n", "notes/a.txt")
    pegboard.log_dict({"a": [1, 2], "when": Path("x")}, "a.json")
    pegboard.log_dict([1], "b.yaml")
    pegboard.log_stream(io.BytesIO(b"\0\1"), "c.bin")
    assert files.files["notes/a.txt"] == "grüße\n".encode()
    assert json.loads(files.files["a.json"]) == {"a": [1, 2], "when": "x"}
    assert b"1" in files.files["b.yaml"]
    assert files.files["c.bin"] == b"\0\1"


def test_artifacts_are_listed_and_read_by_uri(files: Any) -> None:
    pegboard.log_text("hello", "notes/a.txt")
    pegboard.log_dict({"a": 1}, "a.json")
    run = pegboard.active_run()
    assert run is not None
    client = pegboard.Client()
    assert client.list_artifacts(run.info.run_id) == [
        FileInfo("a.json", False, 12),
        FileInfo("notes", True),
    ]
    by_run = f"runs:/{run.info.run_id}"
    assert pegboard.artifacts.load_text(f"{by_run}/notes/a.txt") == "hello"
    assert pegboard.artifacts.load_dict(f"{by_run}/a.json") == {"a": 1}
    assert [f.path for f in pegboard.artifacts.list_artifacts(f"{by_run}/notes")] == ["notes/a.txt"]
    assert pegboard.get_artifact_uri("a.json") == f"{run.info.artifact_uri}/a.json"
    with pytest.raises(InvalidValue, match="JSON"):
        pegboard.artifacts.load_dict(f"{by_run}/notes/a.txt")
    with pytest.raises(NotFound):
        pegboard.artifacts.load_text(f"{by_run}/none")


def test_an_artifact_is_named_in_one_way_only(files: Any) -> None:
    with pytest.raises(InvalidValue):
        pegboard.artifacts.download_artifacts()
    with pytest.raises(InvalidValue):
        pegboard.artifacts.download_artifacts("runs:/x/y", run_id="x")
    with pytest.raises(InvalidValue):
        pegboard.artifacts.download_artifacts("runs:/x/y", artifact_path="y")


def test_downloads_keep_their_paths_below_the_destination(files: Any, tmp_path: Path) -> None:
    pegboard.log_text("a", "d/a.txt")
    pegboard.log_text("b", "d/e/b.txt")
    run = pegboard.active_run()
    assert run is not None
    client, target = pegboard.Client(), tmp_path / "new" / "target"
    assert client.download_artifacts(run.info.run_id, "d/a.txt", target) == str(target / "d/a.txt")
    assert client.download_artifacts(run.info.run_id, "", target) == str(target)
    assert {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()} == {
        "d/a.txt",
        "d/e/b.txt",
    }
    somewhere = Path(client.download_artifacts(run.info.run_id, "d"))
    assert (somewhere / "e" / "b.txt").read_text() == "b"
    with pytest.raises(NotFound):
        client.download_artifacts(run.info.run_id, "none", target)


@pytest.mark.parametrize("path", ["../evil.txt", "/evil.txt", "d/../../evil.txt"])
def test_a_hostile_store_cannot_write_outside_the_destination(
    files: Any, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    monkeypatch.setattr(files, "list", lambda _="": [FileInfo(path, False, 4)])
    files.files[path] = b"evil"
    with pytest.raises(UnsafePath):
        transfer.download(files, "", target)
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_link_in_the_destination_is_no_way_out(files: Any, tmp_path: Path) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    (target / "d").symlink_to(outside)
    pegboard.log_text("x", "d/x.txt")
    with pytest.raises(UnsafePath):
        transfer.download(files, "", target)
    assert list(outside.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing_half_done(
    files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    pegboard.log_text("x", "x.txt")
    monkeypatch.setattr(files, "read", lambda path: Broken())
    with pytest.raises(OSError, match="gone"):
        transfer.download(files, "x.txt", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


# -- figures and images ----------------------------------------------------------------------------


def test_figures_are_saved_in_the_format_of_their_suffix(files: Any) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([1, 2])
    pegboard.log_figure(figure, "plots/a.png", save_kwargs={"dpi": 50})
    pegboard.log_figure(figure, "a.svg")
    assert files.files["plots/a.png"].startswith(b"\x89PNG")
    assert b"<svg" in files.files["a.svg"]
    with pytest.raises(InvalidValue, match="matplotlib"):
        pegboard.log_figure("no figure", "b.png")


def opened(data: bytes) -> Any:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("array", "mode", "corner"),
    [
        (np.full((2, 3), 200, dtype=np.uint8), "L", 200),
        (np.full((2, 3), 0.5), "L", 127),
        (np.ones((2, 3), dtype=bool), "L", 255),
        (np.full((2, 3, 1), 7), "L", 7),
        (np.full((2, 3, 3), 7), "RGB", (7, 7, 7)),
        (np.full((2, 3, 4), 1.0), "RGBA", (255, 255, 255, 255)),
    ],
)
def test_arrays_become_images(files: Any, array: Any, mode: str, corner: Any) -> None:
    pegboard.log_image(array, "a.png")
    image = opened(files.files["a.png"])
    assert (image.mode, image.size, image.getpixel((0, 0))) == (mode, (3, 2), corner)


@pytest.mark.parametrize(
    "array", [np.full((2, 2), 256), np.full((2, 2), -1), np.zeros((2, 2, 2)), np.array([["a"]])]
)
def test_arrays_that_are_no_images_are_refused(files: Any, array: Any) -> None:
    with pytest.raises(InvalidValue):
        pegboard.log_image(array, "a.png")


def test_floats_out_of_range_are_scaled_with_a_warning(files: Any) -> None:
    with pytest.warns(UserWarning, match="scaled"):
        pegboard.log_image(np.array([[0.0, 10.0]]), "a.png")
    assert opened(files.files["a.png"]).getpixel((1, 0)) == 255


def test_an_image_of_a_step_is_laid_out_as_mlflow_does(files: Any) -> None:
    pegboard.log_image(Image.new("RGB", (600, 300)), key="a/b", step=3, timestamp=99)
    thumbnail, image = sorted(files.files, key=len, reverse=True)
    assert image.startswith("images/a~b+step+3+timestamp+99+")
    assert image.endswith(".png")
    assert thumbnail == image.removesuffix(".png") + "+compressed.webp"
    assert opened(files.files[image]).size == (600, 300)
    assert opened(files.files[thumbnail]).size == (256, 128)
    run = pegboard.active_run()
    assert run is not None
    assert pegboard.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_an_image_has_either_a_file_or_a_key(files: Any) -> None:
    image = pegboard.Image([[0, 255]])
    for arguments in (
        {},
        {"artifact_file": "a.png", "key": "a"},
        {"artifact_file": "a", "step": 1},
    ):
        with pytest.raises(InvalidValue):
            pegboard.log_image(image, **arguments)
    with pytest.raises(InvalidValue, match="key"):
        pegboard.log_image(image, key="a+b")
    with pytest.raises(InvalidValue, match="NumPy"):
        pegboard.log_image("text", "a.png")


def test_an_image_object_converts_both_ways(tmp_path: Path) -> None:
    image = pegboard.Image(np.array([[0, 255]], dtype=np.uint8))
    assert image.size == (2, 1)
    assert image.to_list() == [0, 255]
    image.resize((4, 2)).save(tmp_path / "a.png")
    assert pegboard.Image(str(tmp_path / "a.png")).to_array().shape == (2, 4)


# -- tables ----------------------------------------------------------------------------------------


def test_rows_are_added_to_a_table(files: Any) -> None:
    pegboard.log_table({"q": ["a", "b"], "n": [1, 2]}, "t.json")
    pegboard.log_table(pd.DataFrame({"q": ["c"], "n": [3]}), "t.json")
    pegboard.log_table({"q": "d", "n": 4}, "t.json")
    frame = pegboard.load_table("t.json")
    assert frame.to_dict("list") == {"q": ["a", "b", "c", "d"], "n": [1, 2, 3, 4]}
    run = pegboard.active_run()
    assert run is not None
    listed = pegboard.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(listed) == [{"path": "t.json", "type": "table"}]


def test_tables_of_several_runs_are_put_together(files: Any) -> None:
    pegboard.log_table({"n": [1], "run_id": ["own"]}, "d/t.json")
    pegboard.log_table({"n": [7]}, "d/tt.json")
    first = pegboard.active_run()
    pegboard.end_run()
    with pegboard.start_run() as second:
        pegboard.log_param("lr", 0.1)
        pegboard.log_table({"n": [2]}, "d/t.json")
    assert first is not None
    frame = pegboard.load_table("d/t.json", extra_columns=["run_id", "params.lr"])
    assert set(frame["n"]) == {1, 2}
    assert set(frame.columns) == {"n", "run_id", "run_id_", "params.lr"}
    only = pegboard.load_table("d/t.json", run_ids=[second.info.run_id])
    assert list(only["n"]) == [2]
    with pytest.raises(NotFound):
        pegboard.load_table("none.json")


def test_images_in_a_table_become_files(files: Any) -> None:
    pegboard.log_table({"i": [Image.new("L", (4, 4))], "n": [1]}, "t.json")
    (cell,) = pegboard.load_table("t.json")["i"]
    assert cell["type"] == "image"
    assert opened(files.files[cell["filepath"]]).size == (4, 4)
    assert cell["compressed_filepath"] in files.files
    with pytest.raises(InvalidValue, match="other values"):
        pegboard.log_table({"i": [Image.new("L", (4, 4)), "text"]}, "u.json")


@pytest.mark.parametrize("path", ["t.csv", "a:b.json", "a'b.json", "[x].json"])
def test_a_table_has_a_plain_name_and_one_of_two_formats(files: Any, path: str) -> None:
    with pytest.raises(InvalidValue):
        pegboard.log_table({"a": [1]}, path)


def test_only_dicts_and_frames_are_tables(files: Any) -> None:
    with pytest.raises(InvalidValue, match="list"):
        pegboard.log_table([1], "t.json")


# -- paths -----------------------------------------------------------------------------------------

AT = Path("deep") / "name"


def _client_and_run() -> tuple[Any, str]:
    run = pegboard.active_run()
    assert run is not None
    return pegboard.Client(), run.info.run_id


@pytest.mark.parametrize(
    ("suffix", "log"),
    [
        (".txt", lambda at: pegboard.log_text("x", at)),
        (".json", lambda at: pegboard.log_dict({"a": 1}, at)),
        (".yaml", lambda at: pegboard.log_dict({"a": 1}, at)),
        (".bin", lambda at: pegboard.log_stream(io.BytesIO(b"x"), at)),
        (".png", lambda at: pegboard.log_image(np.zeros((2, 2), np.uint8), at)),
        (".html", lambda at: pegboard.log_figure(_Plotly(), at)),
        (".json", lambda at: pegboard.log_table({"a": [1]}, at)),
    ],
)
def test_a_path_object_names_a_file(files: Any, suffix: str, log: Any) -> None:
    at = AT.with_suffix(suffix)
    log(at)
    assert list(files.files) == [f"deep/name{suffix}"]
    client, run_id = _client_and_run()
    assert [file.path for file in client.list_artifacts(run_id, at.parent)] == [at.as_posix()]
    assert Path(client.download_artifacts(run_id, at)).name == at.name
    assert client.get_artifact_uri(run_id, at).endswith(f"/deep/name{suffix}")
    assert pegboard.get_artifact_uri(at).endswith(f"/deep/name{suffix}")
    fetched = pegboard.artifacts.download_artifacts(run_id=run_id, artifact_path=at)
    assert Path(fetched).name == at.name
    if suffix == ".yaml":
        assert files.files["deep/name.yaml"] == b"a: 1\n"


def test_path_objects_name_directories_and_tables(files: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    pegboard.log_artifact(tmp_path / "a.txt", Path("x"))
    pegboard.log_artifacts(tmp_path, Path("y") / "z")
    assert sorted(files.files) == ["x/a.txt", "y/z/a.txt"]
    pegboard.log_table({"n": [1]}, Path("d") / "t.json")
    assert pegboard.load_table(Path("d") / "t.json")["n"].tolist() == [1]
    (listed,) = json.loads(_client_and_run()[0].get_run(_client_and_run()[1]).data.tags[
        "mlflow.loggedArtifacts"
    ])  # fmt: skip
    assert listed["path"] == "d/t.json"


@pytest.mark.parametrize("path", [5, b"a", ["a"]])
def test_what_is_not_a_path_is_said_to_be_so(files: Any, path: Any) -> None:
    for log in (
        lambda: pegboard.log_text("x", path),
        lambda: pegboard.log_dict({}, path),
        lambda: pegboard.log_stream(io.BytesIO(), path),
        lambda: pegboard.log_table({"a": [1]}, path),
        lambda: pegboard.log_artifact(__file__, path),
    ):
        with pytest.raises(InvalidValue, match="not text"):
            log()
    assert files.files == {}


def test_names_with_colons_are_names(files: Any, tmp_path: Path) -> None:
    (tmp_path / "a:b.txt").write_text("x")
    pegboard.log_artifacts(tmp_path)
    pegboard.log_text("y", "c:d/12:30.txt")
    assert files.files == {"a:b.txt": b"x", "c:d/12:30.txt": b"y"}
    client, run_id = _client_and_run()
    assert Path(client.download_artifacts(run_id, "a:b.txt", tmp_path / "to")).read_text() == "x"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["z\nz", "z\\z", "z%00z", "z"])
def test_one_bad_file_of_a_folder_leaves_nothing_stored(
    files: Any, tmp_path: Path, name: str, whole: bool
) -> None:
    (tmp_path / "a.txt").write_text("a")
    if name == "z":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).write_text("z")
    with pytest.raises((UnsafePath, InvalidValue)):
        (pegboard.log_artifact if whole else pegboard.log_artifacts)(tmp_path)
    assert files.files == {}


class _Plotly:
    """A figure that writes itself, as those of plotly do."""

    def write_html(self, path: str, **options: Any) -> None:
        Path(path).write_text("<html>")


_Plotly.__module__ = "plotly.graph_objects"
