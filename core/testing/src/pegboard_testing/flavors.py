"""The contract of model flavors, as tests."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pegboard.contracts.models import ModelFlavor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, PegboardError, Refused

_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]+\])?==\S+")

_DAMAGE: Mapping[str, Callable[[bytes], bytes]] = {
    "cut in half": lambda content: content[: len(content) // 2],
    "emptied": lambda content: content[:0],
    "overwritten": lambda content: bytes(range(256)) * (len(content) // 256 + 1),
}

_FILES = 20
"""How many of a model's files the suite damages in turn."""


class _Harm:
    """An object whose pickle makes a file when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.witness),)


class FlavorContract:
    """What every model flavor does.

    Subclass it, with a name that begins with ``Test``, and give it the fixtures ``flavor``,
    ``model`` (a small one, trained by the real library), ``sample`` (a few rows of input for it)
    and ``library`` (the name of the library's module). Override the other fixtures where the
    flavor differs from what they say.
    """

    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        """Return the flavor. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'flavor'.")

    @pytest.fixture
    def model(self) -> Any:
        """Return a trained model. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'model'.")

    @pytest.fixture
    def sample(self) -> Any:
        """Return input for the model: a table or an array. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'sample'.")

    @pytest.fixture
    def library(self) -> str:
        """Return the module of the library. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'library'.")

    @pytest.fixture
    def samples(self, sample: Any) -> list[Any]:
        """Return the same input in all the forms that generic predictions take."""
        return [sample]

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options to save with: such that loading needs no trust."""
        return {}

    @pytest.fixture
    def unsafe_options(self) -> Mapping[str, Any] | None:
        """Return options that write a form that needs trust; None if there is no such form."""
        return None

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        """Return the keys that MLflow needs in the flavor's entry."""
        return set()

    def predict(self, model: Any, sample: Any) -> Any:
        """Return what the library itself predicts."""
        return model.predict(sample)

    def assert_same(self, one: Any, other: Any) -> None:
        """Check that two predictions are the same."""
        import numpy as np

        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-6)

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Return a new directory to save in."""
        directory = tmp_path / "model"
        directory.mkdir()
        return directory

    @pytest.fixture
    def saved(
        self, flavor: ModelFlavor, model: Any, place: Path, options: Mapping[str, Any]
    ) -> SavedFlavor:
        """Return what was saved in ``place``."""
        return flavor.save(model, place, options)

    # -- which models ------------------------------------------------------------------------------

    def test_models_of_the_library_are_accepted_and_others_are_not(
        self, flavor: ModelFlavor, model: Any
    ) -> None:
        assert flavor.accepts(model)
        for other in (None, 1, "model", [], {}, object(), lambda: None, type(model)):
            assert not flavor.accepts(other)

    def test_the_library_is_not_imported_to_tell(self, flavor: ModelFlavor, library: str) -> None:
        kind = type(flavor)
        script = (
            f"import sys; from {kind.__module__} import {kind.__qualname__} as Flavor\n"
            f"assert not Flavor().accepts(object())\n"
            f"sys.exit({library!r} in sys.modules)"
        )
        # Found where it is found here: a flavor that is being written may not be installed.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr or f"{library} was imported"

    def test_what_is_no_model_is_refused(self, flavor: ModelFlavor, place: Path) -> None:
        with pytest.raises(PegboardError):
            flavor.save(object(), place, {})

    # -- saving and loading ------------------------------------------------------------------------

    def test_a_loaded_model_predicts_what_the_saved_one_does(
        self, flavor: ModelFlavor, model: Any, sample: Any, saved: SavedFlavor, place: Path
    ) -> None:
        expected = self.predict(model, sample)
        for _ in range(2):
            loaded = flavor.load(place, saved.config, Trust())
            self.assert_same(self.predict(loaded, sample), expected)

    def test_a_model_is_not_changed_by_saving_it(
        self,
        flavor: ModelFlavor,
        model: Any,
        sample: Any,
        place: Path,
        options: Mapping[str, Any],
    ) -> None:
        before = self.predict(model, sample)
        flavor.save(model, place, options)
        self.assert_same(self.predict(model, sample), before)

    def test_a_loaded_model_can_be_saved_again(
        self,
        flavor: ModelFlavor,
        model: Any,
        sample: Any,
        saved: SavedFlavor,
        place: Path,
        tmp_path: Path,
        options: Mapping[str, Any],
    ) -> None:
        again = tmp_path / "again"
        again.mkdir()
        loaded = flavor.load(place, saved.config, Trust())
        config = flavor.save(loaded, again, options).config
        self.assert_same(
            self.predict(flavor.load(again, config, Trust()), sample), self.predict(model, sample)
        )

    def test_a_saved_model_can_be_moved(
        self, flavor: ModelFlavor, model: Any, sample: Any, saved: SavedFlavor, place: Path
    ) -> None:
        moved = place.with_name("moved here, with ünïcödé")
        shutil.move(place, moved)
        loaded = flavor.load(moved, saved.config, Trust())
        self.assert_same(self.predict(loaded, sample), self.predict(model, sample))

    def test_nothing_is_written_beside_the_directory(
        self, saved: SavedFlavor, place: Path, tmp_path: Path
    ) -> None:
        assert saved
        assert [entry.name for entry in tmp_path.iterdir()] == [place.name]

    # -- what is said of a model -------------------------------------------------------------------

    def test_the_entry_is_made_of_plain_values_without_paths_of_this_machine(
        self, saved: SavedFlavor, place: Path
    ) -> None:
        for entry in (dict(saved.config), dict(saved.extra_pyfunc)):
            text = json.dumps(entry)
            assert json.loads(text) == entry
            assert str(place) not in text

    def test_the_entry_has_the_keys_that_mlflow_reads(
        self, saved: SavedFlavor, mlflow_keys: set[str]
    ) -> None:
        assert mlflow_keys <= set(saved.config)

    def test_the_data_of_a_generic_load_is_in_the_directory(
        self, saved: SavedFlavor, place: Path
    ) -> None:
        assert not Path(saved.data).is_absolute()
        assert (place / saved.data).exists()

    def test_requirements_are_pinned(self, saved: SavedFlavor) -> None:
        assert saved.requirements
        for requirement in saved.requirements:
            assert _PIN.fullmatch(requirement)

    # -- generic predictions -----------------------------------------------------------------------

    def test_generic_predictions_are_those_of_the_library(
        self,
        flavor: ModelFlavor,
        model: Any,
        sample: Any,
        samples: list[Any],
        saved: SavedFlavor,
        place: Path,
    ) -> None:
        expected = self.predict(model, sample)
        config = {**saved.extra_pyfunc, **saved.config}
        predictor = flavor.predictor(flavor.load(place, config, Trust()), config)
        for given in samples:
            predicted = predictor(copy.deepcopy(given), {})
            self.assert_same(predicted, expected)
            assert len(predicted) == len(expected)

    def test_predictions_from_several_threads_do_not_disturb_each_other(
        self, flavor: ModelFlavor, model: Any, sample: Any, saved: SavedFlavor, place: Path
    ) -> None:
        config = {**saved.extra_pyfunc, **saved.config}
        predictor = flavor.predictor(flavor.load(place, config, Trust()), config)
        expected = self.predict(model, sample)
        with ThreadPoolExecutor(4) as pool:
            for predicted in pool.map(lambda _: predictor(copy.deepcopy(sample), {}), range(16)):
                self.assert_same(predicted, expected)

    # -- options and trust -------------------------------------------------------------------------

    def test_an_unknown_option_is_refused_by_name(
        self, flavor: ModelFlavor, model: Any, place: Path
    ) -> None:
        with pytest.raises(InvalidValue, match="no_such_option"):
            flavor.save(model, place, {"no_such_option": 1})

    def test_what_can_run_code_is_loaded_only_if_trusted(
        self,
        flavor: ModelFlavor,
        model: Any,
        sample: Any,
        place: Path,
        unsafe_options: Mapping[str, Any] | None,
    ) -> None:
        if unsafe_options is None:
            return
        saved = flavor.save(model, place, unsafe_options)
        with pytest.raises(Refused) as refusal:
            flavor.load(place, saved.config, Trust())
        assert refusal.value.hint
        loaded = flavor.load(place, saved.config, Trust(pickle=True))
        self.assert_same(self.predict(loaded, sample), self.predict(model, sample))

    def test_a_pickle_in_place_of_any_file_is_not_run(
        self, flavor: ModelFlavor, saved: SavedFlavor, place: Path, tmp_path: Path
    ) -> None:
        witness = tmp_path / "witness"
        harm = pickle.dumps(_Harm(witness))
        for file in _files(place):
            content = file.read_bytes()
            file.write_bytes(harm)
            with pytest.raises(PegboardError):
                flavor.load(place, saved.config, Trust())
            assert not witness.exists()
            file.write_bytes(content)

    # -- damaged files -----------------------------------------------------------------------------

    @pytest.mark.parametrize("damage", _DAMAGE)
    def test_a_damaged_file_is_an_error_for_people(
        self,
        flavor: ModelFlavor,
        model: Any,
        sample: Any,
        saved: SavedFlavor,
        place: Path,
        damage: str,
    ) -> None:
        noticed = 0
        for file in _files(place):
            content = file.read_bytes()
            file.write_bytes(_DAMAGE[damage](content))
            try:
                loaded = flavor.load(place, saved.config, Trust())
            except PegboardError as error:
                noticed += 1
                assert str(place) in str(error) or file.name in str(error)
            else:
                # Some files, such as notes for people, do not matter.
                self.assert_same(self.predict(loaded, sample), self.predict(model, sample))
            file.write_bytes(content)
        assert noticed

    def test_a_missing_file_is_an_error_for_people(
        self,
        flavor: ModelFlavor,
        saved: SavedFlavor,
        place: Path,
    ) -> None:
        for entry in list(place.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        with pytest.raises(PegboardError):
            flavor.load(place, saved.config, Trust())

    @pytest.mark.parametrize("hostile", ["../outside", "/etc/hostname", "a/../../outside"])
    def test_an_entry_that_names_a_file_outside_of_the_directory_is_refused(
        self, flavor: ModelFlavor, saved: SavedFlavor, place: Path, hostile: str
    ) -> None:
        named = [
            key
            for key, value in saved.config.items()
            if isinstance(value, str) and value and (place / value).exists()
        ]
        for key in named:
            with pytest.raises(PegboardError):
                flavor.load(place, {**saved.config, key: hostile}, Trust())

    def test_a_link_that_leads_out_of_the_directory_is_not_followed(
        self, flavor: ModelFlavor, saved: SavedFlavor, place: Path, tmp_path: Path
    ) -> None:
        for entry in list(place.iterdir()):
            outside = tmp_path / entry.name
            shutil.move(entry, outside)
            entry.symlink_to(outside)
        with pytest.raises(PegboardError):
            flavor.load(place, saved.config, Trust())


def _files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.rglob("*") if file.is_file())[:_FILES]
