"""Our client against a real MLflow server: the parts of the contract that MLflow keeps."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from beyond_contracts import BeyondTheContracts
from hex_ids import HexIds
from mlflow_server import MlflowServer
from not_kept import ExpectedFailures, expect_failures
from pegboard.config import HttpConfig
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.logged_models import ModelOrder
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run
from pegboard.errors import NotSupported
from pegboard_stores import validation
from pegboard_testing import (
    ArtifactStoreContract,
    DataSetsContract,
    LabelSchemasContract,
    ListTagsContract,
    LoggedModelStoreContract,
    ReviewQueuesContract,
    ScorersContract,
    TraceFiguresContract,
    TraceStoreContract,
    TrackingStoreContract,
)
from pegboard_testing._texts import AWKWARD
from pegboard_tracking.client.artifacts import HttpArtifactStore
from pegboard_tracking.client.store import RestStore
from pegboard_tracking.settings import Settings
from pegboard_wire.client.connection import connect


@pytest.fixture(scope="module")
def server(mlflow_server: MlflowServer) -> MlflowServer:
    return mlflow_server


_PURGE = "nothing can be purged"
_GRAMMAR = "filters have no OR, NOT, parentheses, regular expressions, or numbers in params"
_ESCAPES = "filters have no escapes, and not everywhere IN"
_INFINITE = "infinities become the largest float"
_BY_TIME = "histories are in the order of time"
_DATASETS = "of two points that differ in the dataset one is kept"
_FINALIZED = "a mark of the server's own is put on what it knows"
_SPAN_TIMES = "the times of spans go before those that were sent"
_NO_TRACE = "a tag for an unknown trace is an invalid value"
_ATTRIBUTES = "attributes are compared as JSON"
_VERSIONS = "data sets have no versions"
_GATEWAY = "judges by a schedule have to ask the gateway"
NOT_KEPT = {
    "test_an_unknown_experiment_cannot_be_changed": _PURGE,
    "test_only_deleted_and_empty_experiments_are_purged": _PURGE,
    "test_an_unknown_run_cannot_be_used": _PURGE,
    "test_only_deleted_runs_are_purged": _PURGE,
    "test_runs_can_be_purged_while_they_are_listed": _PURGE,
    "test_a_purged_id_may_be_used_anew_and_starts_empty": _PURGE,
    "test_deleted_runs_are_listed_by_time": "the time of deletion is not told",
    "test_a_given_run_id_is_used_once": "ids of runs cannot be given",
    "test_a_run_that_goes_on_has_no_end_unless_one_is_given[RUNNING-None-None]": "a run that goes "
    "on keeps its end time",
    "test_renaming_to_a_taken_name_is_refused": "that is an invalid value",
    "test_history_is_in_the_order_of_logging": _BY_TIME,
    "test_columns_hold_the_same_as_a_history": _BY_TIME,
    "test_a_point_sent_twice_is_kept_once": _BY_TIME,
    "test_points_that_differ_in_anything_are_all_kept": _INFINITE,
    "test_whatever_is_sent_again_the_history_is_the_set_of_points": _BY_TIME,
    "test_steps_and_times_have_64_bits": "times before 1970 are refused",
    "test_a_writer_keeps_special_values": _INFINITE,
    "test_every_float_is_kept_to_the_last_bit[inf]": _INFINITE,
    "test_every_float_is_kept_to_the_last_bit[-inf]": _INFINITE,
    "test_nan_and_the_infinities_are_kept_apart": _INFINITE,
    "test_a_bad_page_token_is_an_error[\\xe9]": "the server fails at it",
    "test_odd_names_are_kept[#x?y=z&]": "names with '#' are refused",
    "test_a_write_that_fails_leaves_the_old_file_and_nothing_else": "directories stay",
    "test_a_directory_goes_with_its_last_file": "directories stay",
    "test_filters_choose_experiments[name = 'alpha' OR name = 'beta']": _GRAMMAR,
    "test_filters_choose_experiments[NOT (name = 'alpha' OR name = 'beta')]": _GRAMMAR,
    # Data sets.
    "test_wrong_data_sets_are_refused": "a data set may belong to unknown experiments",
    **{
        f"test_an_unknown_data_set_is_not_found[{name}]": "of unknown data sets tags are removed"
        for name in ("unknown", "%2e%2e%2f0", "\\u03a9", f"d-{'0' * 32}")
    },
    "test_a_tag_has_any_name[c/d]": "a tag is removed by its path",
    "test_records_are_merged_by_their_inputs": "a record without outputs has an empty object",
    "test_records_come_in_the_order_they_were_merged": "records of one merge have no order",
    "test_a_wrong_page_token_of_records_is_refused": "the server fails at it",
    "test_each_change_of_records_makes_a_version": _VERSIONS,
    "test_a_version_stays_as_it_was": _VERSIONS,
    "test_the_pages_of_an_answer_are_of_one_version": _VERSIONS,
    "test_equal_data_has_an_equal_digest_however_it_came": "the digest is that of name and time",
    "test_two_versions_are_compared": _VERSIONS,
    # Scorers.
    "test_scorers_are_deleted": _GATEWAY,
    "test_a_scorer_has_one_schedule": _GATEWAY,
    "test_scorers_are_kept": _GATEWAY,
    # Logged models.
    "test_params_are_repeated_but_not_changed": "repeating a param is refused",
    **{
        f"TestLoggedModelsBehindMlflowsServer::test_a_wrong_search_is_refused[{wrong}]": reason
        for wrong, reason in (
            ({"order_by": [ModelOrder("metrics.")]}, "a metric without a name is taken"),
            ({"page_token": "rubbish"}, "the server fails at it"),
        )
    },
    "test_a_metric_of_a_model_is_one_of_the_run_too": "NaN becomes 0",
    "test_a_model_keeps_the_points_of_all_runs_and_datasets": "a point is kept for one dataset",
    "test_a_batch_with_a_metric_of_an_unknown_model_is_refused_whole": "that is an invalid value",
    "test_a_run_tells_what_models_it_used_and_made": "saying so twice is refused",
    "test_unknown_models_and_deleted_runs_are_not_linked": "unknown models are linked",
    "test_a_deleted_model_is_shown_no_more_until_it_is_purged": "deleted models can be changed",
    "test_a_model_in_use_is_not_purged": _PURGE,
    "test_models_go_with_their_experiment_and_their_points_with_the_run": _PURGE,
    "test_metrics_are_looked_for_on_the_datasets_given[-[('train', None)]]": _DATASETS,
    **{
        f"test_metrics_are_looked_for_on_the_datasets_given[{text}-[('{name}', None)]]": reason
        for text, name, reason in (
            ("metrics.acc > 0.55", "train", _DATASETS),
            ("metrics.acc > 0.55", "test", _DATASETS),
            ("NOT metrics.acc > 0.55", "train", _GRAMMAR),
        )
    },
    **{
        f"test_models_are_ordered_page_by_page[{order}]": reason
        for order, reason in (
            ([ModelOrder("attributes.name", ascending=False)], "'attributes.' is not known there"),
            ([ModelOrder("metrics.acc")], "NaN, kept as 0, comes first"),
            (
                [ModelOrder("model_type"), ModelOrder("name", ascending=False)],
                "a missing type comes first",
            ),
        )
    },
    "test_a_filter_finds_the_models_that_match[model_type != 'agent']": "'!=' holds of nothing",
    "test_a_filter_finds_the_models_that_match[status = 'READY']": "statuses are numbers",
    "test_a_filter_finds_the_models_that_match[attributes.creation_time < 5]": "the server fails",
    **{
        f"test_a_filter_finds_the_models_that_match[{text}]": _GRAMMAR
        for text in (
            "model_type IS NULL",
            "params.lr < 0.5",
            "params.unknown IS NULL",
            "NOT tags.team = 'blue'",
            "metrics.acc > 0.8 OR name = 'c'",
            "name =~ '^[ab]$'",
        )
    },
    "TestStoreBehindMlflowsServer::test_any_text_is_found_by_its_literal": _ESCAPES,
    "test_any_text_of_an_experiment_is_found_by_its_literal": _ESCAPES,
    "TestTracesBehindMlflowsServer::test_any_text_is_found_by_its_literal": _ESCAPES,
    **{
        "TestLoggedModelsBehindMlflowsServer::test_any_text_is_found_by_its_literal"
        f"[{text.encode('unicode_escape').decode()}]": _ESCAPES
        for text in AWKWARD
        if text not in ('say "so"', '"', "[a-c]*?")
    },
    # Traces.
    "test_what_is_no_version_of_a_prompt_is_not_linked": "anything is linked",
    "test_a_tag_that_names_prompts_links_them": "only a call of its own links",
    "test_a_sum_of_tokens_may_exceed_64_bits": "the server fails at sums beyond 64 bits",
    "TestTracesBehindMlflowsServer::test_only_the_experiments_named_are_searched": "the server "
    "fails at ids that are no numbers",
    "test_an_outline_comes_back_as_it_was": _FINALIZED,
    "test_the_outline_of_a_known_trace_replaces_what_was_known": _FINALIZED,
    "test_a_trace_needs_an_active_experiment": "deleted experiments take traces",
    "test_spans_come_back_as_they_were_in_the_order_they_began": "the kinds of spans are dropped",
    "test_spans_make_an_outline": "previews are written with blanks",
    "test_the_sent_outline_goes_before_the_one_of_the_spans": _SPAN_TIMES,
    "test_an_unknown_trace_is_not_found[unknown]": _NO_TRACE,
    "test_an_unknown_trace_is_not_found[%2e%2e%2f0]": _NO_TRACE,
    "test_an_unknown_trace_is_not_found[\\u03a9]": _NO_TRACE,
    "test_traces_are_found_as_those_of_a_run": "traces are linked to runs that are not there",
    "test_an_assessment_comes_back_as_it_was": "what is expected has no error and no rationale",
    "test_a_filter_finds_the_traces_that_match[attributes.timestamp_ms >= 2000]": _SPAN_TIMES,
    "test_a_filter_finds_the_traces_that_match[timestamp < 2000]": _SPAN_TIMES,
    "test_a_filter_finds_the_traces_that_match[execution_time > 5]": _SPAN_TIMES,
    "test_a_filter_finds_the_traces_that_match[end_time <= 2010]": _SPAN_TIMES,
    "test_a_filter_finds_the_traces_that_match[span.attributes.model = 'tiny']": _ATTRIBUTES,
    "test_a_filter_finds_the_traces_that_match[span.attributes.size = '7']": _ATTRIBUTES,
    "test_a_filter_finds_the_traces_that_match[feedback.score = 0.25]": "values are texts",
    "test_a_filter_finds_the_traces_that_match[expectation.answer = '42']": "values are texts",
    **{
        f"test_a_filter_finds_the_traces_that_match[{text}]": _GRAMMAR
        for text in (
            "NOT tags.team = 'blue'",
            "NOT span.name = 'tool'",
            "status = 'OK' OR feedback.score > 0.5",
            "(name = 'ask' OR name = 'x') AND NOT (tags.team = 'red')",
        )
    },
    "test_traces_are_ordered_page_by_page": "a last page that is full is not known to be the last",
    "test_traces_go_with_their_experiment": _PURGE,
    **{
        f"test_a_filter_chooses_runs[{text}]": _GRAMMAR
        for text in (
            "run_name = 'a' OR run_name = 'b'",
            "run_name = 'a' OR run_name = 'b' AND metrics.acc > 5",
            "(run_name = 'a' OR run_name = 'b') AND metrics.acc > 0.6",
            "NOT status = 'FINISHED'",
            "NOT (params.model = 'tree' OR params.model = 'linear')",
            "params.model =~ '^(tree|net)'",
            "params.depth > 5",
            "params.depth <= 5",
        )
    },
}
"""The parts of the contracts that MLflow does not keep, and what is different there."""


@pytest.fixture(autouse=True)
def exception(request: pytest.FixtureRequest) -> None:
    expect_failures(request, NOT_KEPT)


@pytest.fixture
def subtests(subtests: pytest.Subtests, request: pytest.FixtureRequest) -> ExpectedFailures:
    return ExpectedFailures(subtests, request, NOT_KEPT)


class NamedRuns(RestStore):
    """Gives runs the ids that the contract's tests want, behind the back of MLflow's server.

    The server chooses ids itself; all that its tests are about otherwise could not be asked.
    """

    database: Path

    def create_run(self, experiment_id: str, *, run_id: str | None = None, **more: Any) -> Run:
        wanted = None if run_id is None else validation.run_id(run_id)
        run = super().create_run(experiment_id, **more)
        if wanted is None:
            return run
        given = run.info.run_id
        with sqlite3.connect(self.database, timeout=30) as connection:
            for table in ("runs", "tags"):
                change = f"UPDATE {table} SET run_uuid = ? WHERE run_uuid = ?"
                connection.execute(change, (wanted, given))
            connection.execute(
                "UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", (given, wanted)
            )
        return self.get_run(wanted)


class BehindMlflowsServer:
    """The fixtures of contracts whose stores lie behind the server that all tests share."""

    @pytest.fixture
    def url(self, server):
        return server.url

    def opened(self, store: TrackingStore) -> TrackingStore:
        return store

    @pytest.fixture
    def open_store(self, server, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        server.clear()
        stores = []

        def open_store() -> TrackingStore:
            http = HttpConfig(retries=0)
            stores.append(NamedRuns(connect(server.url, http), Settings(http=http)))
            stores[-1].database = server.database
            return self.opened(stores[-1])

        yield open_store
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, open_store):
        return open_store()

    @pytest.fixture
    def reopen(self, store, open_store):
        def reopen() -> TrackingStore:
            store.close()
            return open_store()

        return reopen


class TestStoreBehindMlflowsServer(
    BehindMlflowsServer,
    TrackingStoreContract,
    DataSetsContract,
    ListTagsContract,
    ScorersContract,
    LabelSchemasContract,
    ReviewQueuesContract,
):
    pass


class TestLoggedModelsBehindMlflowsServer(BehindMlflowsServer, LoggedModelStoreContract):
    def test_which_runs_use_a_model_is_not_known(self, store: TrackingStore) -> None:
        models = store.logged_models()
        with pytest.raises(NotSupported, match="which runs use"):
            models.used_by(models.create("0").model_id)


class TestTracesBehindMlflowsServer(BehindMlflowsServer, TraceStoreContract, TraceFiguresContract):
    def opened(self, store: TrackingStore) -> TrackingStore:
        inner = store.traces
        store.traces = lambda: HexIds(inner())  # type: ignore[method-assign]
        return store


TRACED = """
import json, pegboard
with pegboard.start_span("root", "CHAIN") as root, pegboard.start_span("child") as child:
    pegboard.update_current_trace(tags={"t": "1"}, session_id="s")
    child.set_outputs({"x": [1, None]})
    root.set_inputs("asked")
pegboard.log_feedback(trace_id=root.trace_id, value=0.5)
[found] = pegboard.search_traces(filter_string="tags.t = '1'", return_type="list")
spans = [(span.name, span.span_type, span.inputs, span.outputs) for span in found.data.spans]
info = found.info
print(json.dumps([info.state, info.trace_metadata["mlflow.trace.session"], spans]))
print(json.dumps([(each.name, each.value) for each in info.assessments]))
"""


def test_a_script_traces_to_mlflows_server(server, tmp_path: Path) -> None:
    variables = {"PEGBOARD_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "traced"}
    environment = {**os.environ, **variables, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TRACED], env=environment, cwd=tmp_path, stdout=-1, check=True
    )
    trace, said = map(json.loads, done.stdout.splitlines())
    spans = [["root", "CHAIN", "asked", None], ["child", "UNKNOWN", None, {"x": [1, None]}]]
    assert trace == ["OK", "s", spans]
    assert said == [["feedback", 0.5]]


class TestMoreBehindMlflowsServer(BehindMlflowsServer, BeyondTheContracts):
    pass


class TestArtifactsBehindMlflowsServer(ArtifactStoreContract):
    # MLflow writes files in place, so these would pass or fail by who comes first.
    test_readers_never_see_half_a_file = None
    test_writing_beside_a_file_that_is_deleted_at_the_same_time_works = None

    @pytest.fixture
    def store(self, server, tmp_path) -> ArtifactStore:
        shutil.rmtree(server.place / "artifacts", ignore_errors=True)
        (server.place / "artifacts").mkdir()
        connection = connect(server.url, HttpConfig(retries=0))
        return HttpArtifactStore(connection, "0/run/artifacts")
