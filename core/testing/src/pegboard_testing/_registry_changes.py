"""The contract of model registries: aliases, stages, approvals and the history of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from pegboard import paging
from pegboard.contracts.registry import ModelRegistry, Promotion
from pegboard.entities import Page
from pegboard.entities.registry import (
    Author,
    ChangeKind,
    ModelVersion,
    RegistryChange,
)
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound, Refused

from pegboard_testing._registry_models import RegistryTests, tick

GOOD_ALIASES = ["champion", "a-b_c", "1", "Ünï", "version3", "v", "v1x", "a" * 255]
BAD_ALIASES = ["", "a b", "a.b", "a/b", "a@b", "a\n", "a" * 256]
RESERVED = ["latest", "Latest", "LATEST", "v3", "V12"]

ANN, BOB = Author("ann", "better"), Author("bob")


def moves(registry: ModelRegistry, alias: str) -> list[tuple[str | None, str | None]]:
    """Return the moves of an alias, the first first."""
    found = registry.history("iris", kinds=[ChangeKind.ALIAS], key=alias)
    return [(change.before, change.after) for change in reversed(found)]


class AliasTests(RegistryTests):
    """Aliases, and how they are rolled back."""

    @pytest.mark.usefixtures("versions")
    def test_an_alias_points_at_one_version_and_moves(
        self,
        registry: ModelRegistry,
        reopen: Callable[[], ModelRegistry],
    ) -> None:
        registry.set_alias("iris", "champion", "1")
        registry.set_alias("iris", "other", "1")
        registry.set_alias("iris", "champion", "3")
        again = reopen()
        assert again.version_by_alias("iris", "champion").version == "3"
        assert again.get_model("iris").aliases == {"champion": "3", "other": "1"}
        assert tuple(again.get_version("iris", "3").aliases) == ("champion",)
        assert tuple(again.get_version("iris", "1").aliases) == ("other",)
        found = again.search_versions(filter="version_number = 3")
        assert tuple(found[0].aliases) == ("champion",)
        again.close()

    @pytest.mark.usefixtures("versions")
    def test_an_alias_is_removed_once(self, registry: ModelRegistry) -> None:
        registry.set_alias("iris", "champion", "1")
        registry.delete_alias("iris", "champion")
        registry.delete_alias("iris", "champion")
        assert registry.get_model("iris").aliases == {}
        assert moves(registry, "champion") == [(None, "1"), ("1", None)]
        with pytest.raises(NotFound, match="champion"):
            registry.version_by_alias("iris", "champion")

    @pytest.mark.parametrize("alias", GOOD_ALIASES)
    @pytest.mark.usefixtures("versions")
    def test_a_good_alias_is_kept(self, registry: ModelRegistry, alias: str) -> None:
        registry.set_alias("iris", alias, "2")
        assert registry.version_by_alias("iris", alias).version == "2"
        assert registry.get_model("iris").aliases == {alias: "2"}

    @pytest.mark.usefixtures("versions")
    def test_a_bad_or_reserved_alias_is_refused(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for alias in [*BAD_ALIASES, *RESERVED]:
            with subtests.test(alias=alias):
                with pytest.raises(InvalidValue):
                    registry.set_alias("iris", alias, "1")
                assert registry.get_model("iris").aliases == {}

    @pytest.mark.usefixtures("versions")
    def test_a_bad_alias_is_not_looked_for(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for alias in BAD_ALIASES:
            with subtests.test(alias=alias):
                for call in (
                    registry.version_by_alias,
                    registry.delete_alias,
                    registry.rollback_alias,
                ):
                    with pytest.raises(InvalidValue):
                        call("iris", alias)

    @pytest.mark.usefixtures("model")
    def test_latest_is_the_newest_version(self, registry: ModelRegistry) -> None:
        with pytest.raises(NotFound):
            registry.version_by_alias("iris", "latest")
        for _ in range(11):
            registry.create_version("iris", "s3://b/s")
        registry.transition_stage("iris", "11", "Archived")
        assert registry.version_by_alias("iris", "latest").version == "11"
        assert registry.version_by_alias("iris", "Latest").version == "11"

    @pytest.mark.usefixtures("versions")
    def test_a_move_is_recorded_with_who_and_why(self, registry: ModelRegistry) -> None:
        registry.set_alias("iris", "champion", "1", by=BOB)
        registry.set_alias("iris", "champion", "2", by=ANN)
        registry.set_alias("iris", "champion", "2", by=BOB)
        last, first = registry.history("iris", kinds=[ChangeKind.ALIAS])
        assert (first.before, first.after, first.user, first.reason) == (None, "1", "bob", "")
        assert (last.before, last.after, last.user, last.reason) == ("1", "2", "ann", "better")
        assert (last.key, last.version, last.name, last.undoes) == ("champion", "2", "iris", None)
        assert last.number > first.number
        assert last.timestamp >= first.timestamp > 0

    @pytest.mark.usefixtures("versions")
    def test_rollbacks_take_one_move_back_after_the_other(self, registry: ModelRegistry) -> None:
        for version in ("1", "2", "3"):
            registry.set_alias("iris", "champion", version)
        registry.set_alias("iris", "other", "1")
        assert registry.rollback_alias("iris", "champion", by=ANN).version == "2"
        assert registry.version_by_alias("iris", "champion").version == "2"
        assert registry.rollback_alias("iris", "champion").version == "1"
        with pytest.raises(InvalidState, match="champion"):
            registry.rollback_alias("iris", "champion")
        assert registry.version_by_alias("iris", "champion").version == "1"
        found = registry.history("iris", kinds=[ChangeKind.ALIAS], key="champion")
        second, first, third_move, second_move, _ = found
        assert (first.before, first.after, first.undoes) == ("3", "2", third_move.number)
        assert (first.user, first.reason) == ("ann", "better")
        assert (second.before, second.after, second.undoes) == ("2", "1", second_move.number)

    @pytest.mark.usefixtures("versions")
    def test_a_move_after_a_rollback_is_what_the_next_one_takes_back(
        self, registry: ModelRegistry
    ) -> None:
        registry.set_alias("iris", "champion", "1")
        registry.set_alias("iris", "champion", "2")
        registry.rollback_alias("iris", "champion")
        registry.set_alias("iris", "champion", "3")
        assert registry.rollback_alias("iris", "champion").version == "1"

    @pytest.mark.usefixtures("versions")
    def test_a_rollback_passes_over_versions_that_are_gone(self, registry: ModelRegistry) -> None:
        for version in ("1", "2", "3"):
            registry.set_alias("iris", "champion", version)
        registry.delete_version("iris", "2")
        assert registry.rollback_alias("iris", "champion").version == "1"

    @pytest.mark.usefixtures("versions")
    def test_a_rollback_brings_a_removed_alias_back(self, registry: ModelRegistry) -> None:
        registry.set_alias("iris", "champion", "2")
        registry.delete_alias("iris", "champion")
        assert registry.rollback_alias("iris", "champion").version == "2"
        with pytest.raises(InvalidState):
            registry.rollback_alias("iris", "never")


class StageTests(RegistryTests):
    """Stages."""

    def test_a_version_moves_from_stage_to_stage(
        self, registry: ModelRegistry, versions: list[ModelVersion]
    ) -> None:
        tick(versions[0].last_updated_timestamp)
        moved = registry.transition_stage("iris", "1", "staging", by=ANN)
        assert moved.current_stage == "Staging"
        assert moved.last_updated_timestamp > versions[0].last_updated_timestamp
        assert registry.get_model("iris").last_updated_timestamp >= moved.last_updated_timestamp
        registry.transition_stage("iris", "1", "STAGING")
        registry.transition_stage("iris", "1", "None")
        last, first = registry.history("iris", kinds=[ChangeKind.STAGE])
        assert (first.before, first.after, first.version) == ("None", "Staging", "1")
        assert (first.user, first.reason) == ("ann", "better")
        assert (last.before, last.after) == ("Staging", "None")

    @pytest.mark.usefixtures("versions")
    def test_a_version_may_archive_the_others_of_its_stage(self, registry: ModelRegistry) -> None:
        registry.transition_stage("iris", "1", "Production")
        registry.transition_stage("iris", "2", "Staging")
        registry.transition_stage("iris", "3", "Production", archive_existing=True, by=ANN)
        found = registry.search_versions(order_by=["version_number"])
        assert [each.current_stage for each in found] == ["Archived", "Staging", "Production"]
        archived, moved = registry.history("iris", kinds=[ChangeKind.STAGE])[:2]
        assert {(each.version, each.after) for each in (archived, moved)} == {
            ("1", "Archived"),
            ("3", "Production"),
        }
        assert archived.user == moved.user == "ann"

    @pytest.mark.usefixtures("versions")
    def test_several_versions_may_share_a_stage(self, registry: ModelRegistry) -> None:
        for version in ("1", "2"):
            registry.transition_stage("iris", version, "Production")
        assert registry.get_version("iris", "1").current_stage == "Production"

    def test_an_unknown_stage_is_refused(
        self, registry: ModelRegistry, versions: list[ModelVersion], subtests: pytest.Subtests
    ) -> None:
        for stage in ["", "Prod", "Deleted_Internal", "a" * 500]:
            with subtests.test(stage=stage):
                with pytest.raises(InvalidValue):
                    registry.transition_stage("iris", "1", stage)
                assert registry.get_version("iris", "1") == versions[0]

    @pytest.mark.usefixtures("versions")
    def test_only_stages_in_use_archive_others(
        self, registry: ModelRegistry, subtests: pytest.Subtests
    ) -> None:
        for stage in ["None", "Archived"]:
            with subtests.test(stage=stage):
                with pytest.raises(InvalidValue, match=stage):
                    registry.transition_stage("iris", "1", stage, archive_existing=True)
                assert registry.history("iris", kinds=[ChangeKind.STAGE]) == []


class GateTests(RegistryTests):
    """Promotions that have to be allowed."""

    def test_a_promotion_that_is_not_allowed_changes_nothing(
        self, registry: ModelRegistry, versions: list[ModelVersion]
    ) -> None:
        registry.set_alias("iris", "champion", "1")
        registry.set_alias("iris", "champion", "2")
        asked: list[Promotion] = []

        def refuse(promotion: Promotion) -> None:
            asked.append(promotion)
            raise Refused("not today")

        registry.allow = refuse
        with pytest.raises(Refused):
            registry.set_alias("iris", "champion", "3", by=ANN)
        with pytest.raises(Refused):
            registry.transition_stage("iris", "3", "production", by=ANN)
        with pytest.raises(Refused):
            registry.rollback_alias("iris", "champion", by=ANN)
        assert registry.version_by_alias("iris", "champion").version == "2"
        assert registry.get_version("iris", "3") == versions[2]
        assert moves(registry, "champion") == [(None, "1"), ("1", "2")]
        assert asked == [
            Promotion(ChangeKind.ALIAS, "iris", "3", "champion", "2", ANN),
            Promotion(ChangeKind.STAGE, "iris", "3", "Production", "None", ANN),
            Promotion(ChangeKind.ALIAS, "iris", "1", "champion", "2", ANN),
        ]

    @pytest.mark.usefixtures("versions")
    def test_the_way_back_needs_no_permission(self, registry: ModelRegistry) -> None:
        registry.set_alias("iris", "champion", "1")
        registry.transition_stage("iris", "1", "Production")

        def refuse(_: Promotion) -> None:
            raise Refused("not today")

        registry.allow = refuse
        registry.delete_alias("iris", "champion")
        assert registry.transition_stage("iris", "1", "None").current_stage == "None"


class HistoryTests(RegistryTests):
    """Approvals, and the history as a whole."""

    @pytest.mark.usefixtures("versions")
    def test_approvals_count_until_they_are_withdrawn(self, registry: ModelRegistry) -> None:
        registry.approve("iris", "1", "champion", by=ANN)
        registry.approve("iris", "1", "champion", by=ANN)
        registry.approve("iris", "1", "champion", by=BOB)
        registry.approve("iris", "2", "champion", by=BOB)
        registry.approve("iris", "1", "production", by=BOB)
        registry.approve("iris", "1", "champion", withdraw=True, by=BOB)
        assert [each.user for each in registry.approvals("iris", "1", "champion")] == ["ann"]
        assert [each.user for each in registry.approvals("iris", "1", "Production")] == ["bob"]
        registry.approve("iris", "1", "champion", by=BOB)
        found = registry.approvals("iris", "1", "champion")
        assert [each.user for each in found] == ["bob", "ann"]
        assert (found[1].reason, found[1].before, found[1].after) == ("better", None, "approved")
        assert len(registry.history("iris", kinds=[ChangeKind.APPROVAL])) == 6

    @pytest.mark.usefixtures("versions")
    def test_an_approval_needs_a_person_and_an_alias_or_a_stage(
        self, registry: ModelRegistry
    ) -> None:
        for author, key in ((Author(), "champion"), (ANN, "a b"), (ANN, "latest"), (ANN, "")):
            with pytest.raises(InvalidValue):
                registry.approve("iris", "1", key, by=author)
        assert registry.history("iris", kinds=[ChangeKind.APPROVAL]) == []

    @pytest.mark.usefixtures("versions")
    def test_taking_back_what_was_not_given_changes_nothing(self, registry: ModelRegistry) -> None:
        registry.approve("iris", "1", "champion", withdraw=True, by=ANN)
        assert registry.history("iris", kinds=[ChangeKind.APPROVAL]) == []

    def test_versions_that_come_and_go_are_recorded(
        self, registry: ModelRegistry, versions: list[ModelVersion]
    ) -> None:
        registry.set_alias("iris", "champion", "2")
        registry.delete_version("iris", "2", by=ANN)
        gone, lost = registry.history("iris")[:2]
        assert (gone.kind, gone.version) == (ChangeKind.VERSION, "2")
        assert (gone.before, gone.after) == (versions[1].source, None)
        assert (gone.user, gone.reason) == ("ann", "better")
        assert (lost.kind, lost.before, lost.after) == (ChangeKind.ALIAS, "2", None)
        made = registry.history("iris", version="1")
        assert [(each.before, each.after) for each in made] == [(None, versions[0].source)]

    @pytest.mark.usefixtures("versions")
    def test_the_history_outlives_the_model_and_goes_on_in_the_next(
        self,
        registry: ModelRegistry,
        reopen: Callable[[], ModelRegistry],
    ) -> None:
        registry.set_alias("iris", "champion", "2")
        registry.delete_model("iris", by=ANN)
        before = registry.history("iris")
        assert (before[0].kind, before[0].before, before[0].after) == ("name", "iris", None)
        assert (before[0].user, before[0].reason) == ("ann", "better")
        again = reopen()
        assert again.history("iris") == before
        again.create_model("iris")
        again.create_version("iris", "s3://b/s")
        assert again.history("iris")[1:] == before
        again.close()

    @pytest.mark.usefixtures("versions")
    def test_the_history_is_had_in_parts(self, registry: ModelRegistry) -> None:
        for version in ("1", "2", "3", "1"):
            registry.set_alias("iris", "champion", version, by=ANN)
            registry.transition_stage("iris", version, "Staging")
        whole = registry.history("iris")
        assert [each.number for each in whole] == sorted(
            (each.number for each in whole), reverse=True
        )
        assert whole.token is None

        def parts(page_token: str | None = None) -> Page[RegistryChange]:
            return registry.history("iris", max_results=3, page_token=page_token)

        assert list(paging.items(parts)) == list(whole)
        chosen = [ChangeKind.ALIAS, ChangeKind.STAGE]
        some = registry.history("iris", kinds=chosen, version="2", max_results=2)
        assert {(each.kind, each.version) for each in some} == {("alias", "2"), ("stage", "2")}
        assert registry.history("iris", key="nothing") == []
        for size in (0, -1, 10_001):
            with pytest.raises(InvalidValue):
                registry.history("iris", max_results=size)
        with pytest.raises(InvalidValue):
            registry.history("iris", page_token="x")  # noqa: S106


class ConcurrencyTests(RegistryTests):
    """What several do at once."""

    @pytest.mark.usefixtures("model")
    def test_versions_created_at_once_have_numbers_of_their_own(
        self, registry: ModelRegistry
    ) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = list(
                pool.map(lambda i: registry.create_version("iris", f"s3://b/{i}"), range(40))
            )
        assert sorted(int(each.version) for each in made) == list(range(1, 41))
        for each in made:
            assert registry.get_version("iris", each.version).source == each.source

    @pytest.mark.usefixtures("versions")
    def test_an_alias_moved_at_once_leaves_a_history_without_gaps(
        self, registry: ModelRegistry
    ) -> None:
        def move(i: int) -> None:
            registry.set_alias("iris", "champion", str(i % 3 + 1))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(move, range(40)))
        found = moves(registry, "champion")
        assert found[0][0] is None
        for (_, after), (before, _) in pairwise(found):
            assert after == before
        assert registry.version_by_alias("iris", "champion").version == found[-1][1]

    def test_of_models_created_at_once_under_one_name_one_is_made(
        self, registry: ModelRegistry
    ) -> None:
        def create(i: int) -> bool:
            try:
                registry.create_model("same", description=str(i))
            except AlreadyExists:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(create, range(16))) == 1
        assert len(registry.search_models()) == 1

    @pytest.mark.usefixtures("model")
    def test_versions_come_and_go_at_once_without_leaving_aliases_behind(
        self, registry: ModelRegistry
    ) -> None:
        def live(i: int) -> None:
            version = registry.create_version("iris", "s3://b/s").version
            registry.set_alias("iris", f"a{i}", version)
            registry.delete_version("iris", version)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(live, range(24)))
        assert registry.get_model("iris").aliases == {}
        assert registry.search_versions() == []
        assert registry.create_version("iris", "s3://b/s").version == "25"
