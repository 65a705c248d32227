"""The configuration: one file, environment variables, and clear errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from pegboard import config, settings
from pegboard.errors import ConfigError


@attrs.frozen
class Budget:
    usd: float = 0.0
    per: str = "day"


@attrs.frozen
class Purse:
    budgets: list[Budget] = attrs.field(factory=list)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def test_without_a_file_the_defaults_hold(tmp_path: Path, environ: dict[str, str]) -> None:
    found = config.load(environ, tmp_path)
    assert found == config.Config()
    assert found.pegboard.tracking_uri == config.DEFAULT_TRACKING_URI
    assert (found.file, found.origins) == (None, {})


def test_a_file_sets_values_and_says_where_they_are_from(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    file = write(
        tmp_path / "pegboard.toml",
        '[tracking]\nuri = "memory:x"\n[host]\ndisabled = ["a", "b"]\n[plugins.store]\nsize = 3\n',
    )
    found = config.load(environ, tmp_path)
    assert found.pegboard.tracking_uri == "memory:x"
    assert found.pegboard.disabled == ["a", "b"]
    assert found.plugins == {"store": {"size": 3}}
    assert found.file == file
    assert found.origins["pegboard.tracking_uri"] == str(file)
    assert found.origins["pegboard.disabled"] == str(file)


def test_the_nearest_file_above_the_directory_applies(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    write(tmp_path / "pegboard.toml", '[tracking]\nuri = "memory:far"\n')
    near = write(tmp_path / "a" / "pegboard.toml", '[tracking]\nuri = "memory:near"\n')
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert config.find_file(environ, tmp_path / "a" / "b" / "c") == near
    assert config.load(environ, tmp_path / "a" / "b").pegboard.tracking_uri == "memory:near"


def test_the_users_file_is_the_last_choice(tmp_path: Path, environ: dict[str, str]) -> None:
    user = write(tmp_path / "home" / ".config" / "pegboard" / "config.toml", "")
    (tmp_path / "work").mkdir()
    assert config.find_file(environ, tmp_path / "work") == user
    other = write(tmp_path / "xdg" / "pegboard" / "config.toml", "")
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert config.find_file(environ, tmp_path / "work") == other
    project = write(tmp_path / "work" / "pegboard.toml", "")
    assert config.find_file(environ, tmp_path / "work") == project


def test_the_variable_names_the_file_before_all_others(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    write(tmp_path / "pegboard.toml", '[tracking]\nuri = "memory:near"\n')
    named = write(tmp_path / "named.toml", '[tracking]\nuri = "memory:named"\n')
    environ["PEGBOARD_CONFIG"] = str(named)
    assert config.load(environ, tmp_path).pegboard.tracking_uri == "memory:named"
    environ["PEGBOARD_CONFIG"] = str(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match=r"PEGBOARD_CONFIG.*missing\.toml"):
        config.load(environ, tmp_path)


def test_variables_go_before_the_file_and_ours_before_mlflows(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    write(tmp_path / "pegboard.toml", '[tracking]\nuri = "memory:file"\n')
    environ["MLFLOW_TRACKING_URI"] = "memory:theirs"
    found = config.load(environ, tmp_path)
    assert found.pegboard.tracking_uri == "memory:theirs"
    assert found.origins["pegboard.tracking_uri"] == "MLFLOW_TRACKING_URI"
    environ["PEGBOARD_TRACKING_URI"] = "memory:ours"
    found = config.load(environ, tmp_path)
    assert found.pegboard.tracking_uri == "memory:ours"
    assert found.origins["pegboard.tracking_uri"] == "PEGBOARD_TRACKING_URI"
    environ["PEGBOARD_TRACKING_URI"] = ""
    assert config.load(environ, tmp_path).pegboard.tracking_uri == "memory:theirs"


def test_relative_stores_of_a_file_lie_beside_it(tmp_path: Path, environ: dict[str, str]) -> None:
    write(tmp_path / "pegboard.toml", '[tracking]\nuri = "sqlite:runs/a.db"\n')
    (tmp_path / "deep" / "er").mkdir(parents=True)
    expected = f"sqlite:{tmp_path}/runs/a.db"
    assert config.load(environ, tmp_path / "deep" / "er").pegboard.tracking_uri == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "[pegboard]\ntracking_url = 5\n",
            "[pegboard] tracking_url: unknown key (did you mean 'tracking_uri'?)",
        ),
        ("[pegboard]\ntracking_uri = 5\n", "[pegboard] tracking_uri: expected text in quotes"),
        ("[tracking]\nuri = 5\n", "[pegboard] tracking_uri: expected text in quotes, not 5"),
        ("[http]\nretries = -1\n", "[http] 'retries' must be >= 0: -1"),
        ("[http]\nretires = 1\n", "did you mean 'retries'?"),
        ('[pegboard]\ntracking_uri = "x"\n[tracking]\nuri = "x"\n', "are the same"),
        ("[a]\nb = 1\n[plugins.a]\nb = 1\n", "[a] b and [plugins.a] b are the same"),
        ('[host]\ndisabled = "tracking"\n', "disabled"),
        ("[host]\ndisabled = [1]\n", "disabled"),
        ('tracking = "x"\n', "tracking: expected a table"),
        ("plugins = 3\n", "plugins"),
        ("[plugins]\nstore = 3\n", "plugins"),
        ('file = "x"\n', "file: expected a table"),
        ("[tracking\n", "TOML"),
        ("", ""),
    ],
)
def test_a_wrong_file_is_named_with_the_key_at_fault(
    tmp_path: Path, environ: dict[str, str], text: str, named: str
) -> None:
    file = write(tmp_path / "pegboard.toml", text)
    if not text:
        assert config.load(environ, tmp_path).file == file
        return
    with pytest.raises(ConfigError) as caught:
        config.load(environ, tmp_path)
    assert str(file) in caught.value.message
    assert named in caught.value.message


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "pegboard.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="TOML"):
        config.load(environ, tmp_path)


def test_an_unknown_key_comes_with_the_known_ones(tmp_path: Path, environ: dict[str, str]) -> None:
    write(tmp_path / "pegboard.toml", '[pegboard]\nurl = "x"\n')
    with pytest.raises(ConfigError) as caught:
        config.load(environ, tmp_path)
    assert "tracking_uri" in caught.value.hint


def test_a_fault_in_a_table_inside_comes_without_the_keys_of_the_outer_one() -> None:
    with pytest.raises(ConfigError) as caught:
        settings.structure(Purse, {"budgets": [{"eur": 3}]}, "here:")
    assert str(caught.value) == "here: budgets[0]: eur: unknown key."
    assert caught.value.hint == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[pegboard]\ntracking_url = 3\n",
            "tracking_url: unknown key (did you mean 'tracking_uri'?)",
        ),
        ("[tracking]\nuri = 3\n", "[pegboard] tracking_uri: expected text in quotes, not 3"),
        *(
            (f"{section} = {value}\n", f"{section}: expected a table, as in [{section}]")
            for section in ("tracking", "host")
            for value in ("3", "'x'", "[]", "true", "1979-05-27")
        ),
        ("plugins = 3\n", "plugins: expected a table"),
        ("[tracking\n", "is not valid TOML"),
    ],
)
def test_a_fault_of_the_file_is_one_sentence_at_the_end_of_a_script(
    tmp_path: Path, text: str, said: str
) -> None:
    file = write(tmp_path / "pegboard.toml", text)
    script = "from pegboard import config; config.load()"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"ConfigError: {file}" in done.stderr
    assert said in done.stderr
    # One trace, without what it was that found the fault.
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert done.stderr.count("Traceback") == 1
    assert "cattrs" not in done.stderr
    assert "tomllib" not in done.stderr


def test_one_table_holds_what_concerns_all_plugins(tmp_path: Path, environ: dict[str, str]) -> None:
    file = write(
        tmp_path / "pegboard.toml",
        '[pegboard]\ntracking_uri = "memory:x"\nregistry_uri = "memory:y"\nplugins = ["a", "b"]\n'
        'disabled = ["b"]\nproviders = { s3 = "a" }\n[http]\nretries = 1\n',
    )
    found = config.load(environ, tmp_path)
    assert (found.pegboard.tracking_uri, found.pegboard.registry_uri) == ("memory:x", "memory:y")
    assert (found.pegboard.plugins, found.pegboard.disabled) == (["a", "b"], ["b"])
    assert found.pegboard.providers == {"s3": "a"}
    assert found.http.retries == 1
    assert found.origins["pegboard.plugins"] == found.origins["http.retries"] == str(file)


def test_a_plugins_table_may_be_named_in_short(tmp_path: Path, environ: dict[str, str]) -> None:
    text = '[tracking]\nuri = "memory:x"\nartifacts = "a"\n[server]\nport = 1\n[plugins.b]\nc = 2\n'
    text += "[b]\nd = 3\n"
    write(tmp_path / "pegboard.toml", text)
    found = config.load(environ, tmp_path)
    assert found.plugins == {
        "tracking": {"artifacts": "a"},
        "server": {"port": 1},
        "b": {"c": 2, "d": 3},
    }
