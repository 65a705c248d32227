from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from pegboard import host

from .conftest import Shell

Names = Callable[[str], str]


@pytest.fixture
def with_files(filled: Shell, run_id: Names) -> Shell:
    """Return the command line on a store whose run a1 has files."""
    filled.write(run_id("a1"), "model/weights.bin", b"weights")
    filled.write(run_id("a1"), "model/config.json", b"{}")
    filled.write(run_id("a1"), "notes.txt", b"hello")
    return filled


def test_files_are_listed_one_level_or_all(with_files: Shell) -> None:
    assert with_files("artifacts", "list", "a1").stdout.split() == ["model/", "notes.txt", "5", "B"]
    below = with_files.json("artifacts", "list", "-r", "a1")
    assert [file["path"] for file in below] == [
        "model/config.json",
        "model/weights.bin",
        "notes.txt",
    ]


def test_files_are_downloaded_below_their_paths(with_files: Shell) -> None:
    target = with_files.directory / "out"
    assert with_files("artifacts", "download", "a1", "--output", str(target)).exit_code == 0
    assert (target / "model" / "weights.bin").read_bytes() == b"weights"
    assert (target / "notes.txt").read_bytes() == b"hello"


def test_one_file_or_directory_is_downloaded(with_files: Shell) -> None:
    for path, count in (("notes.txt", 1), ("model", 2)):
        target = with_files.directory / path
        written = with_files.json("artifacts", "download", "a1", path, "--to", str(target))
        assert len(written["files"]) == count
        assert len([file for file in target.rglob("*") if file.is_file()]) == count


def test_a_file_that_is_not_there_is_an_error(with_files: Shell) -> None:
    result = with_files("artifacts", "download", "a1", "missing.txt")
    assert result.exit_code == 1
    assert "'missing.txt'" in result.stderr


def test_a_path_that_climbs_is_bad_input(with_files: Shell) -> None:
    assert with_files("artifacts", "download", "a1", "../../etc").exit_code == 2
    assert with_files("artifacts", "list", "a1", "../..").exit_code == 2


def test_a_download_does_not_follow_a_link_out_of_its_target(with_files: Shell) -> None:
    target, elsewhere = with_files.directory / "out", with_files.directory / "elsewhere"
    target.mkdir()
    elsewhere.mkdir()
    (target / "model").symlink_to(elsewhere)
    assert with_files("artifacts", "download", "a1", "model", "--to", str(target)).exit_code == 2
    assert list(elsewhere.iterdir()) == []


def test_files_and_directories_are_uploaded(with_files: Shell) -> None:
    directory = with_files.directory / "made"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "a.txt").write_bytes(b"a")
    single = with_files.directory / "one.bin"
    single.write_bytes(b"x" * 2_500_000)
    said = with_files("artifacts", "upload", "a1", str(directory), str(single), "--to", "new")
    assert said.stdout == "Uploaded 2 files, 2.5 MB.\n"
    below = with_files.json("artifacts", "list", "-r", "a1", "new")
    assert [(file["path"], file["file_size"]) for file in below] == [
        ("new/made/deep/a.txt", 1),
        ("new/one.bin", 2_500_000),
    ]
    assert with_files.json("artifacts", "upload", "a1", str(single)) == {"files": ["one.bin"]}


def test_a_file_that_cannot_be_uploaded_is_bad_input(with_files: Shell) -> None:
    missing = with_files("artifacts", "upload", "a1", str(with_files.directory / "missing"))
    assert (missing.exit_code, "does not exist" in missing.stderr) == (2, True)
    single = with_files.directory / "one.bin"
    single.write_bytes(b"x")
    assert with_files("artifacts", "upload", "a1", str(single), "-t", "../..").exit_code == 2
    assert with_files("artifacts", "upload", "a1").exit_code == 2


@pytest.mark.parametrize("name", ["nope", "model/nope", "team's notes.txt", "two words"])
@pytest.mark.parametrize("command", [("list",), ("list", "-r"), ("download",)])
def test_what_is_not_there_fails_alike_with_a_hint_that_can_be_typed(
    with_files: Shell, command: tuple[str, ...], name: str
) -> None:
    run = "it's the first"
    with_files.store.update_run("a1" + "0" * 30, run_name=run)
    verb, *options = command
    result = with_files("artifacts", verb, run, name, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error == f"error: There is no file {name!r} in {run!r}."
    program, *words = shlex.split(hint.partition("What there is: ")[2])
    assert (program, with_files(*words).exit_code) == ("pegboard", 0)


def test_a_file_is_listed_by_its_own_path(with_files: Shell) -> None:
    for options in ((), ("-r",)):
        listed = with_files("artifacts", "list", "a1", "model/config.json", *options)
        assert listed.stdout.split() == ["model/config.json", "2", "B"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["notes.txt"], "Downloaded 1 file to notes.txt"),
        (["model"], "Downloaded 2 files to the working directory"),
        ([], "Downloaded 3 files to the working directory"),
        (["-o", "out"], "Downloaded 3 files to out"),
        (["notes.txt", "-o", "."], "Downloaded 1 file to notes.txt"),
        (["-o", ".."], "Downloaded 3 files to .."),
    ],
)
def test_where_files_went_is_the_end_of_the_sentence(
    with_files: Shell, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    (with_files.directory / "here").mkdir()
    monkeypatch.setenv(
        "PEGBOARD_TRACKING_URI", f"sqlite:{with_files.directory}/pegruns/pegboard.db"
    )
    host.use(None)
    monkeypatch.chdir(with_files.directory / "here")
    assert with_files("artifacts", "download", "a1", *options).stdout == f"{said}\n"
