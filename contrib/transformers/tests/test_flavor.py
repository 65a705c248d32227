"""The flavor keeps the contract, and does what is its own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pegboard.contracts.models import ModelFlavor, Trust
from pegboard.errors import InvalidValue, NotFound, PegboardError, Refused
from pegboard_testing import FlavorContract
from pegboard_transformers.flavor import TransformersFlavor

TEXTS = ["the cat sat", "a dog ran fast on the mat"]


def trained(pipeline: Any) -> Any:
    """Return a classifier after some steps of a real training."""
    model = pipeline.model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = pipeline.tokenizer(["good cat", "bad dog"], return_tensors="pt")
    for _ in range(5):
        optimizer.zero_grad()
        model(**batch, labels=torch.tensor([0, 2])).loss.backward()
        optimizer.step()
    model.eval()
    return pipeline


class TestContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return TransformersFlavor()

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        # Not "model", as one of its folders is named.
        directory = tmp_path / "saved"
        directory.mkdir()
        return directory

    @pytest.fixture
    def model(self, make: Callable[[str], Any]) -> Any:
        return trained(make("text-classification"))

    @pytest.fixture
    def sample(self) -> Any:
        return pd.DataFrame({"text": TEXTS})

    @pytest.fixture
    def samples(self, sample: Any) -> list[Any]:
        return [sample, TEXTS, np.array(TEXTS, dtype=object), {"text": TEXTS}]

    @pytest.fixture
    def library(self) -> str:
        return "transformers"

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {
            "components",
            "instance_type",
            "model_binary",
            "pipeline_model_type",
            "source_model_name",
            "task",
            "tokenizer_type",
            "transformers_version",
        }

    def predict(self, model: Any, sample: Any) -> Any:
        return pd.DataFrame(model(list(sample["text"])))

    def assert_same(self, one: Any, other: Any) -> None:
        pd.testing.assert_frame_equal(one, other)


@pytest.fixture
def flavor() -> TransformersFlavor:
    return TransformersFlavor()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    directory.mkdir()
    return directory


@pytest.fixture
def reloaded(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> Callable[[str], tuple[Any, Any]]:
    """Return a function that makes a pipeline, and its predictor after saving and loading."""

    def reload(task: str, **options: Any) -> tuple[Any, Any]:
        pipeline = make(task)
        saved = flavor.save(pipeline, place, options)
        config = {**saved.extra_pyfunc, **saved.config}
        return pipeline, flavor.predictor(flavor.load(place, config, Trust()), config)

    return reload


# -- tasks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [TEXTS, pd.DataFrame({"prompt": TEXTS})], ids=["list", "table"])
def test_texts_are_generated(reloaded: Callable[..., Any], data: Any) -> None:
    pipeline, predict = reloaded("text-generation")
    given = {"max_new_tokens": 3, "do_sample": False}
    expected = [row[0]["generated_text"] for row in pipeline(TEXTS, **given)]
    assert predict(data, given) == expected
    assert predict(TEXTS[0], given) == expected[:1]


def test_arguments_that_were_logged_are_those_of_every_prediction(
    reloaded: Callable[..., Any],
) -> None:
    logged = {"max_new_tokens": 2, "do_sample": False, "return_full_text": False}
    _, predict = reloaded("text-generation", model_config=logged)
    assert all(len(text.split()) <= 2 for text in predict(TEXTS, {}))
    assert predict(TEXTS, {"return_full_text": True})[0].startswith(TEXTS[0])


def test_masks_are_filled_by_the_likeliest_word(reloaded: Callable[..., Any]) -> None:
    pipeline, predict = reloaded("fill-mask")
    one, two = "the [MASK] sat", "a [MASK] ran on [MASK]"
    best = pipeline(one)[0]["token_str"]
    assert predict([one, one], {}) == [best, best]
    assert predict(one, {}) == [best]
    assert predict(two, {}) == [[mask[0]["token_str"] for mask in pipeline(two)]]


def test_features_are_vectors_of_the_tokens(reloaded: Callable[..., Any]) -> None:
    pipeline, predict = reloaded("feature-extraction")
    vectors = predict(TEXTS, {})
    assert [one.shape for one in vectors] == [(5, 8), (9, 8)]
    np.testing.assert_allclose(vectors[0], pipeline(TEXTS[0])[0], rtol=1e-4)
    assert [one.shape for one in predict(TEXTS[0], {})] == [(5, 8)]


def test_tokens_are_labelled(reloaded: Callable[..., Any]) -> None:
    pipeline, predict = reloaded("token-classification")
    expected = [",".join(token["entity"] for token in row) for row in pipeline(TEXTS)]
    assert predict(TEXTS, {}) == expected
    assert predict("cat", {}) == [pipeline("cat")[0]["entity"]]


def test_labels_are_chosen_among_candidates(reloaded: Callable[..., Any]) -> None:
    _, predict = reloaded("zero-shot-classification")
    table = pd.DataFrame({"sequences": TEXTS, "candidate_labels": [["good", "bad"]] * 2})
    found = predict(table, {})
    assert list(found["sequence"]) == [TEXTS[0], TEXTS[0], TEXTS[1], TEXTS[1]]
    assert set(found["labels"]) == {"good", "bad"}
    assert found["scores"].sum() == pytest.approx(2)
    assert len(predict(TEXTS, {"candidate_labels": ["good"]})) == 2


def test_pairs_of_texts_are_classified(reloaded: Callable[..., Any]) -> None:
    pipeline, predict = reloaded("text-classification")
    pairs = pd.DataFrame({"text": TEXTS, "text_pair": TEXTS[::-1]})
    assert predict(pairs, {}).to_dict("records") == pipeline(pairs.to_dict("records"))


def test_no_rows_are_no_predictions(reloaded: Callable[..., Any]) -> None:
    assert reloaded("text-classification")[1]([], {}) == []


def test_wrong_input_is_an_error_for_people(reloaded: Callable[..., Any]) -> None:
    _, predict = reloaded("fill-mask")
    with pytest.raises(InvalidValue, match="takes texts; int was given"):
        predict([7], {})
    with pytest.raises(PegboardError, match="does not take these inputs"):
        predict(["no mask here"], {})


# -- what is saved ---------------------------------------------------------------------------------


def test_the_parts_of_a_pipeline_are_saved_like_it(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> None:
    pipeline = make("text-classification")
    parts = {"model": pipeline.model, "tokenizer": pipeline.tokenizer}
    assert flavor.accepts(parts)
    with pytest.raises(InvalidValue, match="not known"):
        flavor.save(parts, place, {})
    saved = flavor.save(parts, place, {"task": "text-classification"})
    files = {file.relative_to(place).as_posix() for file in place.rglob("*.*")}
    assert {"model/model.safetensors", "components/tokenizer/tokenizer.json"} <= files
    assert flavor.load(place, saved.config, Trust())(TEXTS) == pipeline(TEXTS)


def test_the_directory_of_a_checkpoint_is_saved(
    flavor: TransformersFlavor, place: Path, tmp_path: Path, make: Callable[[str], Any]
) -> None:
    pipeline = make("text-classification")
    pipeline.save_pretrained(tmp_path / "checkpoint")
    options = {"task": "text-classification"}
    saved = flavor.save(str(tmp_path / "checkpoint"), place, options)
    assert flavor.load(place, saved.config, Trust())(TEXTS) == pipeline(TEXTS)
    assert saved.config["source_model_name"] == ""
    with pytest.raises(InvalidValue, match=r"config\.json"):
        flavor.save("some/name-of-a-hub", place, options)


def test_the_precision_is_kept(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> None:
    pipeline = make("text-classification")
    pipeline.model = pipeline.model.to(torch.bfloat16)
    saved = flavor.save(pipeline, place, {})
    assert flavor.load(place, saved.config, Trust()).model.dtype is torch.bfloat16


def test_what_cannot_be_saved_is_said(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> None:
    pipeline = make("text-classification")
    wrong: list[tuple[Any, Mapping[str, Any]]] = [
        (pipeline, {"save_pretrained": False}),
        (pipeline, {"task": "fill-mask"}),
        ({"model": pipeline.model, "tail": 1}, {"task": "fill-mask"}),
        ({"tokenizer": pipeline.tokenizer}, {"task": "fill-mask"}),
        ({"model": pipeline.model}, {"task": "no-such-task"}),
    ]
    for model, options in wrong:
        with pytest.raises(InvalidValue):
            flavor.save(model, place, options)


# -- what is loaded --------------------------------------------------------------------------------


def test_pickled_weights_are_read_only_if_trusted(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> None:
    pipeline = make("text-classification")
    saved = flavor.save(pipeline, place, {})
    (place / "model/model.safetensors").unlink()
    torch.save(pipeline.model.state_dict(), place / "model/pytorch_model.bin")
    with pytest.raises(Refused, match=r"pytorch_model\.bin"):
        flavor.load(place, saved.config, Trust())
    assert flavor.load(place, saved.config, Trust(pickle=True))(TEXTS) == pipeline(TEXTS)


def test_code_that_came_with_a_model_runs_only_if_trusted(
    flavor: TransformersFlavor,
    place: Path,
    tmp_path: Path,
    make: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    saved = flavor.save(make("text-classification"), place, {})
    witness = tmp_path / "witness"
    (place / "model/own.py").write_text(
        f"open({str(witness)!r}, 'w')\n"
        "from transformers import BertConfig as OwnConfig\n"
        "from transformers import BertForSequenceClassification\n"
        "class Own(BertForSequenceClassification):\n    pass\n"
    )
    file = place / "model/config.json"
    config = json.loads(file.read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "own.Own"}
    config["architectures"] = ["Own"]
    file.write_text(json.dumps(config))
    entry = {**saved.config, "pipeline_model_type": "Own"}
    with pytest.raises(Refused, match="'Own'"):
        flavor.load(place, entry, Trust())
    flavor.load(place, saved.config, Trust())
    assert not witness.exists()
    assert type(flavor.load(place, entry, Trust(pickle=True)).model).__name__ == "Own"
    assert witness.exists()


def test_code_that_came_with_a_tokenizer_is_not_run(
    flavor: TransformersFlavor, place: Path, tmp_path: Path, make: Callable[[str], Any]
) -> None:
    saved = flavor.save(make("text-classification"), place, {})
    folder = place / "components/tokenizer"
    witness = tmp_path / "witness"
    (folder / "own.py").write_text(f"open({str(witness)!r}, 'w')\nclass Own: pass\n")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}, "tokenizer_class": "Own"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(PegboardError):
        flavor.load(place, saved.config, Trust())
    assert not witness.exists()


@pytest.mark.parametrize("name", ["os", "logging", "AutoModel.from_pretrained", "", "Pipeline()"])
def test_a_class_that_is_no_model_is_not_taken_for_one(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any], name: str
) -> None:
    saved = flavor.save(make("text-classification"), place, {})
    with pytest.raises(Refused):
        flavor.load(place, {**saved.config, "pipeline_model_type": name}, Trust())
    with pytest.raises(NotFound):
        flavor.load(place, {**saved.config, "instance_type": name}, Trust())


@pytest.mark.parametrize("key", ["source_model_revision", "local_base_model_path", "peft_adaptor"])
def test_weights_that_are_elsewhere_are_not_looked_for(
    flavor: TransformersFlavor, place: Path, key: str
) -> None:
    with pytest.raises(InvalidValue, match="not among its files"):
        flavor.load(place, {"task": "fill-mask", key: "somewhere"}, Trust())


def test_a_component_that_is_not_known_is_refused(
    flavor: TransformersFlavor, place: Path, make: Callable[[str], Any]
) -> None:
    saved = flavor.save(make("text-classification"), place, {})
    (place / "harm").write_bytes(pickle.dumps(1))
    with pytest.raises(InvalidValue, match=r"\.\./\.\./harm"):
        flavor.load(place, {**saved.config, "components": ["../../harm"]}, Trust())
