"""The contract of model registries: registered models and their versions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import Author, ChangeKind, ModelVersion, RegisteredModel
from pegboard.errors import AlreadyExists, InvalidValue, NotFound

from pegboard_testing._data import BAD_KEYS, KEYS, TEXTS

GOOD_NAMES = [
    "a",
    "with space",
    "dots.and-dashes_",
    "Ünïcödé 実験",
    "100%",
    "a@b",
    "n" * 256,
    "'",
    "?",
]
BAD_NAMES = ["", "  ", ".", "..", "a/b", "a:b", "a\0b", "n" * 257]
UNKNOWN = ["nope", "../../etc/passwd", "%2e%2e", "a" * 5000, "x\0y"]
BAD_VERSIONS = ["", "latest", "-1", "1.0", "٣", "9" * 40, "1 OR 1=1"]


class RegistryTests:
    """The fixtures that a subclass overrides."""

    @pytest.fixture
    def registry(self) -> ModelRegistry:
        """Return a new, empty registry. Every subclass overrides this.

        Yield it and close it if it holds anything that must be given back.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture named 'registry' that returns an empty one."
        )

    @pytest.fixture
    def reopen(self, registry: ModelRegistry) -> Callable[[], ModelRegistry]:
        """Return a function that closes ``registry`` and returns it opened anew.

        Override it if the registry outlives its process, and only then: the override must close
        ``registry`` first, or the tests show nothing. They close what the function returns.
        """
        return lambda: registry

    @pytest.fixture
    def model(self, registry: ModelRegistry) -> RegisteredModel:
        """Return a registered model without versions."""
        return registry.create_model("iris")

    @pytest.fixture
    def versions(self, registry: ModelRegistry, model: RegisteredModel) -> list[ModelVersion]:
        """Return three versions of the model."""
        return [registry.create_version(model.name, f"s3://b/{i}") for i in range(1, 4)]


def tick(after: int) -> None:
    """Wait until the clock is past a time in ms."""
    while time.time_ns() // 1_000_000 <= after:
        time.sleep(0.0005)


class ModelTests(RegistryTests):
    """Registered models."""

    def test_a_model_is_created_with_all_that_is_known_of_it(
        self, registry: ModelRegistry, reopen: Callable[[], ModelRegistry]
    ) -> None:
        made = registry.create_model("iris", tags={"team": "blue"}, description="flowers")
        assert (made.name, made.description, made.tags) == ("iris", "flowers", {"team": "blue"})
        assert made.creation_timestamp == made.last_updated_timestamp > 0
        assert (dict(made.aliases), tuple(made.latest_versions)) == ({}, ())
        again = reopen()
        assert again.get_model("iris") == made
        again.close()

    def test_a_good_name_names_anything(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for name in GOOD_NAMES:
            with subtests.test(name=name):
                registry.create_model(name)
                registry.create_version(name, "s3://b/m")
                assert registry.get_model(name).name == name
                assert registry.get_version(name, "1").model_uri == f"models:/{name}/1"
                assert registry.version_by_alias(name, "latest").name == name

    def test_a_bad_name_is_refused(
        self, registry: ModelRegistry, model: RegisteredModel, subtests: pytest.Subtests
    ) -> None:
        for name in BAD_NAMES:
            with subtests.test(name=name):
                with pytest.raises(InvalidValue):
                    registry.create_model(name)
                with pytest.raises(InvalidValue):
                    registry.rename_model(model.name, name)
                assert [each.name for each in registry.search_models()] == ["iris"]

    def test_a_taken_name_is_refused(self, registry: ModelRegistry, model: RegisteredModel) -> None:
        registry.set_model_tag(model.name, "a", "1")
        with pytest.raises(AlreadyExists, match="iris"):
            registry.create_model(model.name, description="another")
        other = registry.create_model("other")
        with pytest.raises(AlreadyExists):
            registry.rename_model(other.name, model.name)
        assert registry.get_model(model.name).tags == {"a": "1"}
        assert registry.get_model("other").name == "other"

    @pytest.mark.usefixtures("model")
    def test_names_are_told_apart_by_capital_letters(self, registry: ModelRegistry) -> None:
        registry.create_model("Iris")
        assert [each.name for each in registry.search_models()] == ["Iris", "iris"]

    def test_an_unknown_model_is_not_found(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for name in UNKNOWN:
            with subtests.test(name=name):
                for call in _calls(registry, name):
                    with pytest.raises((NotFound, InvalidValue)):
                        call()

    def test_the_description_is_changed(
        self, registry: ModelRegistry, model: RegisteredModel
    ) -> None:
        tick(model.last_updated_timestamp)
        changed = registry.update_model(model.name, "new")
        assert changed.description == "new"
        assert changed.creation_timestamp == model.creation_timestamp
        assert changed.last_updated_timestamp > model.last_updated_timestamp
        assert registry.update_model(model.name, "").description == ""

    @pytest.mark.parametrize("text", TEXTS)
    def test_any_text_is_a_value(
        self, registry: ModelRegistry, model: RegisteredModel, text: str
    ) -> None:
        registry.set_model_tag(model.name, "t", text)
        registry.update_model(model.name, text)
        made = registry.create_version(model.name, "s3://b/s", tags={"t": text}, description=text)
        again = registry.get_model(model.name)
        assert (again.tags["t"], again.description) == (text, text)
        assert (made.tags["t"], made.description) == (text, text)
        assert registry.get_version(model.name, "1") == made

    @pytest.mark.parametrize("key", KEYS)
    @pytest.mark.usefixtures("versions")
    def test_a_good_key_names_a_tag(self, registry: ModelRegistry, key: str) -> None:
        registry.set_model_tag("iris", key, "1")
        registry.set_version_tag("iris", "1", key, "1")
        assert registry.get_model("iris").tags == {key: "1"}
        assert registry.get_version("iris", "1").tags == {key: "1"}

    @pytest.mark.usefixtures("versions")
    def test_a_bad_key_is_refused(self, registry: ModelRegistry, subtests: pytest.Subtests) -> None:
        uses: list[Callable[[str], Any]] = [
            lambda key: registry.set_model_tag("iris", key, "1"),
            lambda key: registry.set_version_tag("iris", "1", key, "1"),
            lambda key: registry.create_version("iris", "s3://b/s", tags={"good": "1", key: "1"}),
            lambda key: registry.create_model("new", tags={"good": "1", key: "1"}),
        ]
        for key in BAD_KEYS:
            with subtests.test(key=key):
                for use in uses:
                    with pytest.raises(InvalidValue):
                        use(key)
                assert registry.get_model("iris").tags == {}
                assert len(registry.search_versions()) == 3
                assert len(registry.search_models()) == 1

    @pytest.mark.usefixtures("versions")
    def test_a_long_value_is_kept_and_one_too_long_is_refused(
        self, registry: ModelRegistry
    ) -> None:
        registry.set_model_tag("iris", "t", "x" * 100_000)
        registry.set_version_tag("iris", "1", "t", "x" * 100_000)
        assert registry.get_version("iris", "1").tags == {"t": "x" * 100_000}
        for call in (
            lambda: registry.set_model_tag("iris", "t", "y" * 100_001),
            lambda: registry.set_version_tag("iris", "1", "t", "y" * 100_001),
            lambda: registry.create_version("iris", "s3://b/" + "s" * 5000),
        ):
            with pytest.raises(InvalidValue):
                call()
        assert registry.get_model("iris").tags == {"t": "x" * 100_000}
        assert len(registry.search_versions()) == 3

    def test_tags_are_changed_and_removed(
        self, registry: ModelRegistry, model: RegisteredModel
    ) -> None:
        registry.set_model_tag(model.name, "a", "1")
        registry.set_model_tag(model.name, "b", "1")
        registry.set_model_tag(model.name, "a", "2")
        assert registry.get_model(model.name).tags == {"a": "2", "b": "1"}
        registry.delete_model_tag(model.name, "a")
        registry.delete_model_tag(model.name, "a")
        assert registry.get_model(model.name).tags == {"b": "1"}

    @pytest.mark.usefixtures("versions")
    def test_a_renamed_model_takes_everything_along(self, registry: ModelRegistry) -> None:
        registry.set_model_tag("iris", "a", "1")
        registry.set_version_tag("iris", "2", "b", "1")
        registry.set_alias("iris", "champion", "2")
        renamed = registry.rename_model("iris", "flowers", by=Author("ann", "clearer"))
        assert (renamed.name, renamed.tags) == ("flowers", {"a": "1"})
        assert renamed.aliases == {"champion": "2"}
        assert registry.version_by_alias("flowers", "champion").tags == {"b": "1"}
        assert {each.name for each in registry.search_versions()} == {"flowers"}
        with pytest.raises(NotFound, match="flowers"):
            registry.get_model("iris")
        with pytest.raises(NotFound):
            registry.get_version("iris", "2")
        kinds = [change.kind for change in registry.history("flowers")]
        assert kinds == [ChangeKind.NAME, ChangeKind.ALIAS, *[ChangeKind.VERSION] * 3]
        (change,) = registry.history("flowers", kinds=[ChangeKind.NAME])
        assert (change.before, change.after) == ("iris", "flowers")
        assert (change.user, change.reason) == ("ann", "clearer")

    @pytest.mark.usefixtures("versions")
    def test_a_model_may_be_renamed_to_its_own_name(self, registry: ModelRegistry) -> None:
        assert registry.rename_model("iris", "iris").name == "iris"
        assert registry.history("iris", kinds=[ChangeKind.NAME]) == []

    @pytest.mark.usefixtures("versions")
    def test_a_deleted_model_is_gone_with_its_versions(self, registry: ModelRegistry) -> None:
        registry.set_alias("iris", "champion", "2")
        registry.delete_model("iris", by=Author("ann"))
        for call in (
            lambda: registry.get_model("iris"),
            lambda: registry.get_version("iris", "1"),
            lambda: registry.version_by_alias("iris", "champion"),
            lambda: registry.delete_model("iris"),
            lambda: registry.rename_model("iris", "b"),
        ):
            with pytest.raises(NotFound):
                call()
        assert registry.search_models() == []
        assert registry.search_versions() == []


class VersionTests(RegistryTests):
    """Versions of registered models."""

    def test_a_version_is_created_with_all_that_is_known_of_it(
        self,
        registry: ModelRegistry,
        model: RegisteredModel,
        reopen: Callable[[], ModelRegistry],
    ) -> None:
        tick(model.last_updated_timestamp)
        made = registry.create_version(
            model.name,
            "s3://bucket/model",
            run_id="a1",
            run_link="https://example.test/a1",
            model_id="m-1",
            tags={"team": "blue"},
            description="first",
            by=Author("ann"),
        )
        assert (made.name, made.version, made.source) == ("iris", "1", "s3://bucket/model")
        assert (made.run_id, made.run_link) == ("a1", "https://example.test/a1")
        assert (made.model_id, made.tags, made.description) == ("m-1", {"team": "blue"}, "first")
        assert (made.user_id, made.current_stage, made.status) == ("ann", "None", "READY")
        assert made.creation_timestamp == made.last_updated_timestamp > 0
        assert tuple(made.aliases) == ()
        again = reopen()
        assert again.get_version(model.name, "1") == made
        parent = again.get_model(model.name)
        assert parent.last_updated_timestamp > model.last_updated_timestamp
        assert tuple(parent.latest_versions) == (made,)
        again.close()

    def test_versions_are_numbered_from_one_in_each_model(self, registry: ModelRegistry) -> None:
        for name in ("a", "b"):
            registry.create_model(name)
            numbers = [registry.create_version(name, "s3://b/s").version for _ in range(12)]
            assert numbers == [str(number) for number in range(1, 13)]

    @pytest.mark.usefixtures("versions")
    def test_the_number_of_a_deleted_version_is_not_given_again(
        self, registry: ModelRegistry
    ) -> None:
        registry.delete_version("iris", "3")
        assert registry.create_version("iris", "s3://b/s").version == "4"
        for version in ("1", "2", "4"):
            registry.delete_version("iris", version)
        assert registry.create_version("iris", "s3://b/s").version == "5"

    @pytest.mark.usefixtures("versions")
    def test_the_numbers_of_a_deleted_model_are_not_given_again(
        self,
        registry: ModelRegistry,
        reopen: Callable[[], ModelRegistry],
    ) -> None:
        registry.delete_model("iris")
        again = reopen()
        again.create_model("iris")
        assert again.create_version("iris", "s3://b/s").version == "4"
        again.close()

    @pytest.mark.usefixtures("versions")
    def test_a_renamed_model_gives_no_number_again(self, registry: ModelRegistry) -> None:
        registry.create_model("gone")
        registry.create_version("gone", "s3://b/s")
        registry.delete_model("gone")
        registry.rename_model("iris", "gone")
        assert registry.create_version("gone", "s3://b/s").version == "4"
        registry.create_model("iris")
        assert registry.create_version("iris", "s3://b/s").version == "4"

    @pytest.mark.usefixtures("versions")
    def test_what_is_not_a_version_is_refused(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for version in BAD_VERSIONS:
            with subtests.test(version=version):
                for call in _version_calls(registry, "iris", version):
                    with pytest.raises(InvalidValue):
                        call()

    @pytest.mark.usefixtures("versions")
    def test_an_unknown_version_is_not_found(self, registry: ModelRegistry) -> None:
        for version in ("0", "4", "99999999999"):
            for call in _version_calls(registry, "iris", version):
                with pytest.raises(NotFound, match="iris"):
                    call()
        for call in _version_calls(registry, "unknown", "1"):
            with pytest.raises(NotFound, match="unknown"):
                call()

    @pytest.mark.usefixtures("versions")
    def test_a_version_is_found_by_a_number_too(self, registry: ModelRegistry) -> None:
        number: Any = 2
        assert registry.get_version("iris", number).version == "2"
        assert registry.get_version("iris", "02").version == "2"

    def test_the_description_of_a_version_is_changed(
        self, registry: ModelRegistry, versions: list[ModelVersion]
    ) -> None:
        tick(versions[0].last_updated_timestamp)
        changed = registry.update_version("iris", "1", "new")
        assert changed.description == "new"
        assert changed.last_updated_timestamp > versions[0].last_updated_timestamp
        assert registry.get_version("iris", "2") == versions[1]

    @pytest.mark.usefixtures("versions")
    def test_tags_of_a_version_are_changed_and_removed(self, registry: ModelRegistry) -> None:
        registry.set_version_tag("iris", "1", "a", "1")
        registry.set_version_tag("iris", "1", "a", "2")
        registry.set_version_tag("iris", "1", "b", "1")
        registry.delete_version_tag("iris", "1", "b")
        registry.delete_version_tag("iris", "1", "b")
        assert registry.get_version("iris", "1").tags == {"a": "2"}
        assert registry.get_version("iris", "2").tags == {}

    @pytest.mark.usefixtures("versions")
    def test_a_deleted_version_takes_its_aliases_along(self, registry: ModelRegistry) -> None:
        for alias, version in (("a", "2"), ("b", "2"), ("c", "3")):
            registry.set_alias("iris", alias, version)
        registry.delete_version("iris", "2", by=Author("ann", "broken"))
        with pytest.raises(NotFound):
            registry.get_version("iris", "2")
        assert registry.get_model("iris").aliases == {"c": "3"}
        assert [each.version for each in registry.search_versions(order_by=["version_number"])] == [
            "1",
            "3",
        ]
        with pytest.raises(NotFound):
            registry.version_by_alias("iris", "a")

    @pytest.mark.usefixtures("model")
    def test_the_files_are_where_the_source_says(self, registry: ModelRegistry) -> None:
        registry.create_version("iris", "s3://b/model")
        registry.create_version("iris", "s3://b/other")
        assert registry.download_uri("iris", "1") == "s3://b/model"
        assert registry.download_uri("iris", "2") == "s3://b/other"

    @pytest.mark.usefixtures("versions")
    def test_the_newest_version_of_each_stage_is_found(self, registry: ModelRegistry) -> None:
        registry.create_version("iris", "s3://b/s")
        registry.transition_stage("iris", "1", "Production")
        registry.transition_stage("iris", "2", "Production")

        def newest(stages: list[str] | None = None) -> list[str]:
            return [each.version for each in registry.latest_versions("iris", stages)]

        assert newest() == newest([]) == ["2", "4"]
        assert newest(["Production"]) == newest(["production"]) == ["2"]
        assert newest(["Staging"]) == []
        assert newest(["None", "Staging", "Production"]) == ["2", "4"]
        found = registry.get_model("iris").latest_versions
        assert [each.version for each in found] == ["2", "4"]
        with pytest.raises(InvalidValue, match="Prod"):
            registry.latest_versions("iris", ["Prod"])


def _calls(registry: ModelRegistry, name: str) -> list[Callable[[], object]]:
    return [
        lambda: registry.get_model(name),
        lambda: registry.rename_model(name, "new"),
        lambda: registry.update_model(name, "d"),
        lambda: registry.delete_model(name),
        lambda: registry.set_model_tag(name, "a", "1"),
        lambda: registry.delete_model_tag(name, "a"),
        lambda: registry.latest_versions(name),
        lambda: registry.create_version(name, "s3://b/s"),
        lambda: registry.delete_alias(name, "a"),
        lambda: registry.version_by_alias(name, "a"),
        lambda: registry.rollback_alias(name, "a"),
        lambda: registry.history(name),
        *_version_calls(registry, name, "1"),
    ]


def _version_calls(registry: ModelRegistry, name: str, version: str) -> list[Callable[[], object]]:
    return [
        lambda: registry.get_version(name, version),
        lambda: registry.update_version(name, version, "d"),
        lambda: registry.delete_version(name, version),
        lambda: registry.set_version_tag(name, version, "a", "1"),
        lambda: registry.delete_version_tag(name, version, "a"),
        lambda: registry.download_uri(name, version),
        lambda: registry.set_alias(name, "a", version),
        lambda: registry.transition_stage(name, version, "Staging"),
        lambda: registry.approve(name, version, "a", by=Author("ann")),
    ]
