"""The example flavor does what every flavor does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pegboard
import pytest
from examples import polynomials
from examples.polynomials import PolynomialFlavor
from pegboard import host
from pegboard.config import Config
from pegboard.contracts.models import ModelFlavor
from pegboard.host import Host
from pegboard_testing import FlavorContract


class TestPolynomialFlavor(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return PolynomialFlavor()

    @pytest.fixture
    def model(self) -> Any:
        x = np.arange(5.0)
        return np.polynomial.Polynomial.fit(x, 3 * x**2 + 1, deg=2)

    @pytest.fixture
    def sample(self) -> Any:
        return np.array([0.5, 1.5, 7.0])

    @pytest.fixture
    def library(self) -> str:
        return "numpy"

    def predict(self, model: Any, sample: Any) -> Any:
        return model(sample)


def test_a_polynomial_is_saved_and_loaded_by_those_who_know_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_current", Host(Config()))
    host.current().register(polynomials, "polynomials")
    square = np.polynomial.Polynomial([0.0, 0.0, 1.0])
    place = str(tmp_path / "model")
    pegboard.polynomial.save_model(square, place, input_example=np.array([1.0, 2.0]))
    loaded = pegboard.pyfunc.load_model(place)
    assert list(loaded.predict(np.array([3.0, 4.0]))) == [9.0, 16.0]
    assert loaded.predict([3, 4]).tolist() == [9.0, 16.0]
    assert pegboard.polynomial.load_model(place) == square
