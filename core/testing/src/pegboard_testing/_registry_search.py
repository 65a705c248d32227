"""The contract of model registries: searching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import pytest
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities import Page
from pegboard.entities.registry import ModelVersion
from pegboard.errors import FilterError, InvalidValue
from pegboard.literals import literal
from pegboard_stores import needed_files
from pegboard_stores.needed_files import NEEDED_BY, FilesOwner

from pegboard_testing._registry_models import RegistryTests, tick
from pegboard_testing._texts import AWKWARD, finding, unlike

T = TypeVar("T")

PROMPT = "mlflow.prompt.is_prompt"

MODEL_FILTERS = [
    ("", "Cat ant bee cow_1"),
    ("name = 'bee'", "bee"),
    ("name != 'bee'", "Cat ant cow_1"),
    ("attribute.name = 'ant'", "ant"),
    ("name LIKE '%a%'", "Cat ant"),
    ("name LIKE 'c%'", "cow_1"),
    ("name ILIKE 'c%'", "Cat cow_1"),
    ("name LIKE 'cow%1'", "cow_1"),
    ("name IN ('ant', 'bee', 'x')", "ant bee"),
    ("name NOT IN ('ant', 'bee')", "Cat cow_1"),
    ("tags.team = 'blue'", "ant bee"),
    ("tag.team = 'blue'", "ant bee"),
    ("tags.team != 'blue'", "cow_1"),
    ("tags.team LIKE 'b%'", "ant bee"),
    ("tags.team ILIKE 'R%'", "cow_1"),
    ("tags.`an odd key` = 'x'", "Cat"),
    ("tags.team = 'blue' AND tags.size = 'big'", "bee"),
    ("tags.team = 'blue' AND name LIKE 'a%'", "ant"),
    ("tags.none = 'x'", ""),
    ('name = "bee"', "bee"),
    # More than MLflow knows.
    ("name = 'ant' OR tags.team = 'red'", "ant cow_1"),
    ("NOT tags.team = 'blue'", "Cat cow_1"),
    ("tags.team IS NULL", "Cat"),
    ("tags.size IS NOT NULL", "bee cow_1"),
    ("tags.team IN ('red', 'green')", "cow_1"),
    ("(name = 'ant' OR name = 'bee') AND NOT tags.size = 'big'", "ant"),
    ("name =~ '^[ab]'", "ant bee"),
    ("creation_timestamp > 0", "Cat ant bee cow_1"),
    ("last_updated_timestamp < 5", ""),
]

VERSION_FILTERS = [
    ("", "ant1 ant2 ant3 bee1 bee2"),
    ("name = 'ant'", "ant1 ant2 ant3"),
    ("name != 'ant'", "bee1 bee2"),
    ("name LIKE '%e%'", "bee1 bee2"),
    ("name ILIKE 'B%'", "bee1 bee2"),
    ("name IN ('bee', 'x')", "bee1 bee2"),
    ("version_number = 2", "ant2 bee2"),
    ("version_number != 2", "ant1 ant3 bee1"),
    ("version_number >= 2 AND name = 'ant'", "ant2 ant3"),
    ("version_number < 2", "ant1 bee1"),
    ("attribute.version_number > 2", "ant3"),
    ("run_id = 'r1'", "ant1 bee1"),
    ("run_id != 'r1'", "ant2"),
    ("run_id IN ('r1', 'r2')", "ant1 ant2 bee1"),
    ("run_id IN ('r9')", ""),
    ("run_id LIKE 'r%'", "ant1 ant2 bee1"),
    ("run_id NOT IN ('r1')", "ant2"),
    ("source_path = 's3://b/1'", "ant1"),
    ("source_path LIKE 's3://%'", "ant1 ant2 ant3"),
    ("source_path ILIKE 'S3:%2'", "ant2"),
    ("tags.q = 'ok'", "ant1 bee2"),
    ("tags.q != 'ok'", "ant3"),
    ("tags.q LIKE 'b%'", "ant3"),
    ("tags.q = 'ok' AND name = 'ant'", "ant1"),
    # More than MLflow knows.
    ("model_id = 'm-1'", "bee2"),
    ("run_id IS NULL", "ant3 bee2"),
    ("run_id = 'r2' OR version_number = 3", "ant2 ant3"),
    ("NOT name = 'ant' AND NOT tags.q = 'ok'", "bee1"),
    ("source_path =~ 'b/[23]$'", "ant2 ant3"),
]

BAD_MODEL_FILTERS = [
    "name",
    "name == 'a'",
    "name > 'a'",
    "run_id = 'a'",
    "version_number = 1",
    "metrics.a > 1",
    "params.a = '1'",
    "tags.a > 'b'",
    "name = 'a' AND",
    "name = a",
    "unknown = 'a'",
]
BAD_VERSION_FILTERS = [
    "version_number = 'a'",
    "version_number LIKE '1'",
    "run_id > 'a'",
    "metrics.a > 1",
    "current_stages = 'a'",
    "source_path = 1",
]


class RegistrySearchTests(RegistryTests):
    """Filters, orders and pages."""

    @pytest.fixture
    def filled(self, registry: ModelRegistry) -> ModelRegistry:
        registry.create_model("cow_1", tags={"team": "red", "size": "big"})
        registry.create_model("ant", tags={"team": "blue"})
        registry.create_model("Cat", tags={"an odd key": "x"})
        registry.create_model("bee", tags={"team": "blue", "size": "big"})
        registry.create_model("poem", tags={PROMPT: "true"})
        registry.create_version("ant", "s3://b/1", run_id="r1", tags={"q": "ok"})
        registry.create_version("ant", "s3://b/2", run_id="r2")
        registry.create_version("bee", "gs://c/1", run_id="r1")
        registry.create_version("ant", "s3://b/3", tags={"q": "bad"})
        registry.create_version("bee", "gs://c/2", model_id="m-1", tags={"q": "ok"})
        registry.create_version("poem", "prompt-template", tags={PROMPT: "true"})
        return registry

    def test_models_are_found(self, filled: ModelRegistry, subtests: pytest.Subtests) -> None:
        for text, expected in MODEL_FILTERS:
            with subtests.test(text=text):
                assert [each.name for each in filled.search_models(filter=text)] == expected.split()

    def test_versions_are_found(self, filled: ModelRegistry, subtests: pytest.Subtests) -> None:
        for text, expected in VERSION_FILTERS:
            with subtests.test(text=text):
                found = filled.search_versions(filter=text, order_by=["name", "version_number"])
                assert [each.name + each.version for each in found] == expected.split()

    def test_a_bad_filter_for_models_is_refused(
        self, filled: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for text in BAD_MODEL_FILTERS:
            with subtests.test(text=text), pytest.raises(FilterError):
                filled.search_models(filter=text)

    def test_a_bad_filter_for_versions_is_refused(
        self, filled: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for text in BAD_VERSION_FILTERS:
            with subtests.test(text=text), pytest.raises(FilterError):
                filled.search_versions(filter=text)

    def test_what_is_found_is_whole(self, filled: ModelRegistry) -> None:
        filled.set_alias("bee", "champion", "2")
        assert filled.search_models(filter="name = 'bee'") == [filled.get_model("bee")]
        found = filled.search_versions(filter="model_id = 'm-1'")
        assert found == [filled.get_version("bee", "2")]

    def test_prompts_are_found_by_who_asks_for_them(self, filled: ModelRegistry) -> None:
        def names(text: str) -> list[str]:
            return [each.name for each in filled.search_models(filter=text)]

        assert names(f"tags.`{PROMPT}` = 'true'") == ["poem"]
        assert names(f"tags.`{PROMPT}` != 'false'") == ["poem"]
        assert names(f"tags.`{PROMPT}` = 'false'") == ["Cat", "ant", "bee", "cow_1"]
        assert names(f"tags.`{PROMPT}` != 'true' AND tags.team = 'blue'") == ["ant", "bee"]
        found = filled.search_versions(filter=f"name = 'poem' AND tags.`{PROMPT}` = 'true'")
        assert [each.name for each in found] == ["poem"]
        assert filled.search_versions(filter="name = 'poem'") == []

    def test_values_are_not_taken_for_sql(self, filled: ModelRegistry) -> None:
        for text in ("x' OR '1'='1", 'x" OR ""="', "%", "_", "\\", "x'); --"):
            filled.set_model_tag("ant", "t", text)
            found = filled.search_models(filter=f"tags.t = {literal(text)}")
            assert [each.name for each in found] == ["ant"]

    def test_any_text_is_found_by_its_literal(
        self, filled: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for text in AWKWARD:
            with subtests.test(text=text):
                for name, value in (("ant", text), ("bee", unlike(text))):
                    filled.set_model_tag(name, "t", value)
                    filled.set_version_tag(name, "1", "t", value)
                for where in finding("tags.t", text):
                    for search in (filled.search_models, filled.search_versions):
                        assert [each.name for each in search(filter=where)] == ["ant"], where

    def test_long_values_are_told_apart_by_their_ends(self, filled: ModelRegistry) -> None:
        filled.set_model_tag("ant", "t", "x" * 300 + "a")
        filled.set_model_tag("bee", "t", "x" * 300 + "b")
        found = filled.search_models(filter=f"tags.t = '{'x' * 300}b'")
        assert [each.name for each in found] == ["bee"]
        found = filled.search_models(filter=f"tags.t IN ('{'x' * 300}a', 'y')")
        assert [each.name for each in found] == ["ant"]

    # -- orders --------------------------------------------------------------------------------

    @pytest.fixture
    def timed(self, registry: ModelRegistry) -> ModelRegistry:
        """Return a registry whose times all differ: b is made first, a changed last."""
        for name in ("b", "a", "c"):
            tick(registry.create_model(name).creation_timestamp)
            for number in ("1", "2"):
                tick(registry.create_version(name, f"s3://b/s{number}").creation_timestamp)
        tick(registry.update_version("c", "1", "new").last_updated_timestamp)
        registry.update_version("b", "2", "new")
        tick(registry.update_model("b", "new").last_updated_timestamp)
        registry.update_model("a", "new")
        return registry

    def test_models_are_ordered(self, timed: ModelRegistry, subtests: pytest.Subtests) -> None:
        for order, expected in [
            ([], "a b c"),
            (["name"], "a b c"),
            (["name DESC"], "c b a"),
            (["timestamp"], "c b a"),
            (["last_updated_timestamp DESC"], "a b c"),
            (["creation_timestamp ASC"], "b a c"),
            (["creation_timestamp DESC", "name"], "c a b"),
        ]:
            with subtests.test(order=order):
                found = timed.search_models(order_by=order)
                assert [each.name for each in found] == expected.split()

    def test_versions_are_ordered(self, timed: ModelRegistry, subtests: pytest.Subtests) -> None:
        for order, expected in [
            ([], "b2 c1 c2 a2 a1 b1"),
            (["last_updated_timestamp"], "b1 a1 a2 c2 c1 b2"),
            (["name"], "a2 a1 b2 b1 c2 c1"),
            (["name DESC"], "c2 c1 b2 b1 a2 a1"),
            (["name", "version_number"], "a1 a2 b1 b2 c1 c2"),
            (["version_number"], "a1 b1 c1 a2 b2 c2"),
            (["version_number DESC"], "a2 b2 c2 a1 b1 c1"),
            (["version_number DESC", "name DESC"], "c2 b2 a2 c1 b1 a1"),
            (["creation_timestamp"], "b1 b2 a1 a2 c1 c2"),
            (["creation_timestamp DESC"], "c2 c1 a2 a1 b2 b1"),
        ]:
            with subtests.test(order=order):
                found = timed.search_versions(order_by=order)
                assert [each.name + each.version for each in found] == expected.split()
                some = timed.search_versions(order_by=order, filter="name IN ('a', 'c')")
                wanted = [each for each in expected.split() if "b" not in each]
                assert [each.name + each.version for each in some] == wanted

    def test_versions_are_ordered_as_numbers(self, registry: ModelRegistry) -> None:
        registry.create_model("a")
        for _ in range(11):
            registry.create_version("a", "s3://b/s")
        found = registry.search_versions(order_by=["version_number DESC"])
        assert [int(each.version) for each in found] == list(range(11, 0, -1))

    def test_a_bad_order_is_refused(self, filled: ModelRegistry, subtests: pytest.Subtests) -> None:
        for order in [["run_id"], ["tags.a"], ["name", "name DESC"], ["name UP"], ["nope"], [""]]:
            with subtests.test(order=order):
                with pytest.raises(FilterError):
                    filled.search_versions(order_by=order)
                with pytest.raises(FilterError):
                    filled.search_models(order_by=order)

    # -- pages ---------------------------------------------------------------------------------

    def test_pages_hold_everything_once(
        self, filled: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for order in [[], ["version_number DESC"], ["creation_timestamp"]]:
            for size in [1, 2, 5, 100]:
                with subtests.test(order=order, size=size):
                    whole = filled.search_versions(order_by=order)
                    assert whole.token is None
                    search = partial(filled.search_versions, order_by=order, max_results=size)
                    pages = _pages(search, size)
                    assert pages == list(whole)

    def test_pages_of_models_hold_everything_once(self, filled: ModelRegistry) -> None:
        pages = _pages(partial(filled.search_models, filter="name != 'ant'", max_results=2), 2)
        assert [each.name for each in pages] == ["Cat", "bee", "cow_1"]

    def test_the_limits_of_pages_are_kept(self, filled: ModelRegistry) -> None:
        for size in (0, -1, 1001):
            with pytest.raises(InvalidValue):
                filled.search_models(max_results=size)
        for size in (0, -1, 200_001):
            with pytest.raises(InvalidValue):
                filled.search_versions(max_results=size)
        for token in ("x", "🎯", "b2Zmc2V0Oi0x"):
            with pytest.raises(InvalidValue):
                filled.search_models(page_token=token)
            with pytest.raises(InvalidValue):
                filled.search_versions(page_token=token)

    def test_versions_are_found_by_whose_files_they_need(self, registry: ModelRegistry) -> None:
        registry.create_model("a")
        registry.create_model("copy")
        home = "s3://b/1/r1/artifacts"
        for source, run_id in (
            (home, None),
            (f"{home}/net", None),
            (f"{home}2/net", None),
            ("s3://b/1/r10/artifacts", None),
            ("other://b/1/r1/artifacts/net", "r1"),
            ("other://b/1/r1/artifacts/net", "r2"),
            ("s3://b/1", None),
        ):
            registry.create_version("a", source, run_id=run_id)
        registry.create_version("copy", "models:/a/2", storage_location=f"{home}/net")
        owners = [
            FilesOwner("r1", ["runs:/r1", home]),
            FilesOwner("r2", ["runs:/r2", "s3://b/1/r2/artifacts"]),
            FilesOwner("r10", ["s3://b/1/r10"]),
        ]
        found = needed_files.of(registry).needing(owners)
        assert {id_: _named(versions) for id_, versions in found.items()} == {
            "r1": ["a/1", "a/2", "a/5", "copy/1"],
            "r10": ["a/4"],
        }
        assert needed_files.of(registry).needing([]) == {}
        registry.delete_version("a", "4")
        assert needed_files.of(registry).needing(owners[1:]) == {}

    def test_files_are_removed_unless_a_version_needs_them(self, registry: ModelRegistry) -> None:
        registry.create_model("a")
        registry.create_version("a", "s3://b/1/r1/net")
        needed, other = FilesOwner("r1", ["s3://b/1/r1"]), FilesOwner("r2", ["s3://b/1/r2"])
        found = needed_files.of(registry).begin_removal([needed, other])
        assert {id_: _named(versions) for id_, versions in found.items()} == {"r1": ["a/1"]}
        for source in ("s3://b/1/r1", "s3://b/1/r22/net", "s3://b/1"):
            registry.create_version("a", source)
        needed_files.of(registry).end_removal([other])
        assert needed_files.of(registry).needing([other]) == {}

    def test_some_of_many_versions_that_need_files_are_named(self, registry: ModelRegistry) -> None:
        registry.create_model("a")
        for _ in range(NEEDED_BY + 5):
            registry.create_version("a", "s3://b/1/r1/net")
        found = needed_files.of(registry).needing([FilesOwner("r1", ["s3://b/1/r1"])])
        assert _named(found["r1"]) == [f"a/{number + 1}" for number in range(NEEDED_BY)]


def _pages(search: Callable[..., Page[T]], size: int) -> list[T]:
    found: list[T] = []
    token: str | None = None
    while True:
        page = search(page_token=token)
        assert len(page) <= size
        found += page
        token = page.token
        if token is None:
            return found


def _named(versions: Sequence[ModelVersion]) -> list[str]:
    named = ((version.name, int(version.version)) for version in versions)
    return [f"{name}/{number}" for name, number in sorted(named)]
