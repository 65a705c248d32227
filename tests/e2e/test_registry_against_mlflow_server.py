"""Our registry client against a real MLflow server: the parts of the contract MLflow keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow_server import MlflowServer
from not_kept import ExpectedFailures, expect_failures
from pegboard.config import HttpConfig
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import ModelVersion
from pegboard_registry.client.registry import RestRegistry
from pegboard_testing import ModelRegistryContract
from pegboard_wire.client.connection import connect

_HISTORY = "there is no history"
_APPROVALS = "there are no approvals"
_GRAMMAR = "filters have no OR, NOT, NULL, parentheses and regular expressions"
_LISTS = "tags are not looked for in lists"
_FIELDS = "times and logged models are not looked for"
_EMPTY = "versions without a run are found as if their run were another"
_CREATION = "models are not ordered by when they were created"
_AGAIN = "numbers are given again once the model is deleted or renamed"
NOT_KEPT = {
    **{
        f"test_models_are_found[{text}]": reason
        for text, reason in {
            "name = 'ant' OR tags.team = 'red'": _GRAMMAR,
            "NOT tags.team = 'blue'": _GRAMMAR,
            "tags.team IS NULL": _GRAMMAR,
            "tags.size IS NOT NULL": _GRAMMAR,
            "tags.team IN ('red', 'green')": _LISTS,
            "(name = 'ant' OR name = 'bee') AND NOT tags.size = 'big'": _GRAMMAR,
            "name =~ '^[ab]'": _GRAMMAR,
            "creation_timestamp > 0": _FIELDS,
            "last_updated_timestamp < 5": _FIELDS,
        }.items()
    },
    **{
        f"test_versions_are_found[{text}]": reason
        for text, reason in {
            "run_id != 'r1'": _EMPTY,
            "run_id NOT IN ('r1')": _EMPTY,
            "model_id = 'm-1'": _FIELDS,
            "run_id IS NULL": _GRAMMAR,
            "run_id = 'r2' OR version_number = 3": _GRAMMAR,
            "NOT name = 'ant' AND NOT tags.q = 'ok'": _GRAMMAR,
            "source_path =~ 'b/[23]$'": _GRAMMAR,
        }.items()
    },
    "test_any_text_is_found_by_its_literal": _LISTS,
    "test_a_bad_filter_for_models_is_refused[name = 'a' AND]": "an AND at the end is passed over",
    "test_what_is_found_is_whole": _FIELDS,
    "test_long_values_are_told_apart_by_their_ends": _LISTS,
    "test_models_are_ordered[['creation_timestamp ASC']]": _CREATION,
    "test_models_are_ordered[['creation_timestamp DESC', 'name']]": _CREATION,
    "test_a_bad_order_is_refused[['name', 'name DESC']]": "the server fails at it",
    "test_the_limits_of_pages_are_kept": _HISTORY,
    "test_approvals_count_until_they_are_withdrawn": _APPROVALS,
    "test_an_approval_needs_a_person_and_an_alias_or_a_stage": _APPROVALS,
    "test_taking_back_what_was_not_given_changes_nothing": _APPROVALS,
    "test_versions_that_come_and_go_are_recorded": _HISTORY,
    "test_the_history_outlives_the_model_and_goes_on_in_the_next": _HISTORY,
    "test_the_history_is_had_in_parts": _HISTORY,
    "test_a_promotion_that_is_not_allowed_changes_nothing": _HISTORY,
    "test_a_version_moves_from_stage_to_stage": _HISTORY,
    "test_a_version_may_archive_the_others_of_its_stage": _HISTORY,
    "test_only_stages_in_use_archive_others": _HISTORY,
    "test_an_unknown_version_is_not_found": _APPROVALS,
    "test_an_alias_points_at_one_version_and_moves": "searches do not tell aliases",
    "test_an_alias_is_removed_once": _HISTORY,
    "test_an_alias_moved_at_once_leaves_a_history_without_gaps": _HISTORY,
    "test_a_move_is_recorded_with_who_and_why": _HISTORY,
    "test_rollbacks_take_one_move_back_after_the_other": _HISTORY,
    "test_a_move_after_a_rollback_is_what_the_next_one_takes_back": _HISTORY,
    "test_a_rollback_passes_over_versions_that_are_gone": _HISTORY,
    "test_a_rollback_brings_a_removed_alias_back": _HISTORY,
    "test_a_version_is_created_with_all_that_is_known_of_it": "who made a version is not kept",
    "test_the_numbers_of_a_deleted_model_are_not_given_again": _AGAIN,
    "test_a_renamed_model_gives_no_number_again": _AGAIN,
    "test_an_unknown_model_is_not_found": _HISTORY,
    "test_a_renamed_model_takes_everything_along": _HISTORY,
    "test_a_model_may_be_renamed_to_its_own_name": "that is refused, as the name is taken",
}
"""The parts of the contract that MLflow does not keep, and what is different there."""


@pytest.fixture(scope="module")
def server(mlflow_server: MlflowServer) -> MlflowServer:
    return mlflow_server


@pytest.fixture(autouse=True)
def exception(request: pytest.FixtureRequest) -> None:
    expect_failures(request, NOT_KEPT)


@pytest.fixture
def subtests(subtests: pytest.Subtests, request: pytest.FixtureRequest) -> ExpectedFailures:
    return ExpectedFailures(subtests, request, NOT_KEPT)


class WithoutModels(RestRegistry):
    """Leaves out ids of logged models, as MLflow's server wants them to be there."""

    def create_version(
        self, name: str, source: str, *, model_id: str | None = None, **more: Any
    ) -> ModelVersion:
        return super().create_version(name, source, **more)


class TestRegistryBehindMlflowsServer(ModelRegistryContract):
    @pytest.fixture
    def open_registry(self, server: MlflowServer) -> Callable[[], ModelRegistry]:
        server.clear()
        return lambda: WithoutModels(connect(server.url, HttpConfig(retries=0)))

    @pytest.fixture
    def registry(self, open_registry: Callable[[], ModelRegistry]) -> ModelRegistry:
        return open_registry()

    @pytest.fixture
    def reopen(
        self, registry: ModelRegistry, open_registry: Callable[[], ModelRegistry]
    ) -> Callable[[], ModelRegistry]:
        return open_registry
